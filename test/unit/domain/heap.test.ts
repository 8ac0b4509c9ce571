import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHeap, type HeapItem } from '../../../src/domain/heap.ts';

type Item = HeapItem & { name: number };
const item = (key: number, name = 0): Item => ({ key, name, place: -1 });

describe('the heap', () => {
  test('gives its items out in the order of their keys', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer(), fc.constant(Infinity), fc.nat(3))), (keys) => {
        const heap = createHeap<Item>();
        for (const key of keys) heap.put(item(key));
        const out: number[] = [];
        for (let first = heap.first(); first; first = heap.first()) {
          out.push(first.key);
          heap.remove(first);
          expect(first.place).toBe(-1);
        }
        expect(out).toEqual([...keys].sort((a, b) => (a === b ? 0 : a - b)));
        expect(heap.size()).toBe(0);
      }),
    );
  });

  test('finds what comes up to a key, or some of it', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.nat(50), fc.nat(20), (keys, key, limit) => {
        const heap = createHeap<Item>();
        for (const each of keys) heap.put(item(each));
        const all = keys.filter((each) => each <= key).sort((a, b) => a - b);
        const found = (most: number) => heap.upTo(key, most).map((each) => each.key);
        expect(found(Infinity).sort((a, b) => a - b)).toEqual(all);
        expect(found(limit)).toHaveLength(Math.min(limit, all.length));
        expect(heap.size()).toBe(keys.length);
      }),
    );
  });

  test('stays in order whatever is put in, moved and taken out', () => {
    const step = fc.record({
      kind: fc.constantFrom('put', 'put', 'move', 'remove', 'pop'),
      name: fc.nat(20),
      key: fc.nat(50),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 200, size: 'max' }), (steps) => {
        const heap = createHeap<Item>();
        const items = Array.from({ length: 21 }, (_, name) => item(0, name));
        const inside = new Set<Item>();
        for (const { kind, name, key } of steps) {
          const each = items[name] as Item;
          if (kind === 'put' || (kind === 'move' && inside.has(each))) {
            each.key = key;
            heap.put(each);
            inside.add(each);
          } else if (kind === 'remove') {
            heap.remove(each);
            inside.delete(each);
          } else if (kind === 'pop') {
            const first = heap.first();
            if (first) heap.remove(first);
            if (first) inside.delete(first);
          }
          expect(heap.size()).toBe(inside.size);
          expect(new Set(heap.items())).toEqual(inside);
          expect(heap.first()?.key).toBe(
            inside.size === 0 ? undefined : Math.min(...[...inside].map((one) => one.key)),
          );
          const misplaced = heap.items().filter((one, place) => {
            const above = heap.items()[(place - 1) >> 1];
            return one.place !== place || (place > 0 && above && above.key > one.key);
          });
          expect(misplaced).toEqual([]);
          expect(items.filter((one) => one.place >= 0)).toHaveLength(inside.size);
        }
      }),
    );
  });

  test('needs no more than some steps for each doubling of its size', () => {
    const size = 100_000;
    let looks = 0;
    const counted = (key: number): HeapItem => {
      const value = { key };
      return {
        place: -1,
        get key() {
          looks++;
          return value.key;
        },
        set key(next) {
          value.key = next;
        },
      };
    };
    const heap = createHeap<HeapItem>();
    const items = Array.from({ length: size }, (_, place) => counted((place * 7_919) % size));
    const cost = (work: () => void) => {
      looks = 0;
      work();
      return looks;
    };
    const most = 6 * Math.log2(size) + 10;
    let worst = 0;
    for (const each of items)
      worst = Math.max(
        worst,
        cost(() => heap.put(each)),
      );
    for (let turn = 0; turn < 2_000; turn++) {
      const each = items[(turn * 104_729) % size] as HeapItem;
      each.key = (turn * 31_337) % size;
      worst = Math.max(
        worst,
        cost(() => heap.put(each)),
        cost(() => heap.remove(each)),
        cost(() => heap.put(each)),
      );
      const first = heap.first() as HeapItem;
      first.key += size;
      worst = Math.max(
        worst,
        cost(() => heap.put(first)),
      );
    }
    expect(worst).toBeLessThan(most);
  });
});
