import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createIndexedList, type IndexedItem } from '../../../src/domain/indexed-list.ts';

test('holds what was added and not removed, whatever the order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9)), (turns) => {
      const list = createIndexedList<IndexedItem & { name: number }>();
      const items = Array.from({ length: 10 }, (_, name) => ({ name, place: -1 }));
      const inside = new Set<number>();
      for (const name of turns) {
        const item = items[name] as (typeof items)[number];
        if (inside.delete(name)) list.remove(item);
        else {
          inside.add(name);
          list.add(item);
        }
        expect(
          list
            .items()
            .map((each) => each.name)
            .sort(),
        ).toEqual([...inside].sort());
        expect(list.size()).toBe(inside.size);
        for (const each of items) expect(each.place >= 0).toBe(inside.has(each.name));
      }
    }),
  );
});

test('removing what is not in changes nothing', () => {
  const list = createIndexedList<IndexedItem>();
  const [inside, outside] = [{ place: -1 }, { place: -1 }];
  list.add(inside);
  list.remove(outside);
  list.remove(inside);
  list.remove(inside);
  expect(list.size()).toBe(0);
});
