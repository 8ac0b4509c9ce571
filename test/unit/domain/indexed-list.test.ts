import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BagItem, createBag } from '../../../src/domain/indexed-list.ts';

test('holds what was added and not removed, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9)), (turns) => {
      const bag = createBag<BagItem & { name: number }>();
      const items = Array.from({ length: 10 }, (_, name) => ({ name, place: -1 }));
      const inside = new Set<number>();
      for (const name of turns) {
        const item = items[name] as (typeof items)[number];
        if (inside.delete(name)) bag.remove(item);
        else {
          inside.add(name);
          bag.add(item);
        }
        expect(
          bag
            .items()
            .map((each) => each.name)
            .sort(),
        ).toEqual([...inside].sort());
        expect(bag.size()).toBe(inside.size);
        for (const each of items) expect(each.place >= 0).toBe(inside.has(each.name));
      }
    }),
  );
});

test('removing what is not in changes nothing', () => {
  const bag = createBag<BagItem>();
  const [inside, outside] = [{ place: -1 }, { place: -1 }];
  bag.add(inside);
  bag.remove(outside);
  bag.remove(inside);
  bag.remove(inside);
  expect(bag.size()).toBe(0);
});
