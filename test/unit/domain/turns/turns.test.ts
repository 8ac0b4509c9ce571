import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHeap } from '../../../../src/domain/heap.ts';
import { createSortedList } from '../../../../src/domain/sorted-list.ts';
import { createTurnQueue, type TurnItem } from '../../../../src/domain/turns/turn-queue.ts';
import { createTurns, inTurns } from '../../../../src/domain/turns/turns.ts';

type Item = TurnItem & { id: number };

const names = ['a', 'b', 'c', 'd'] as const;
const namespace = fc.constantFrom(...names);
const weights = fc.record({ a: fc.integer({ min: 1, max: 9 }), b: fc.integer({ min: 1, max: 9 }) });
const weightOf = (given: Record<string, number>) => (id: string) => given[id] ?? 1;

let ids = 0;
const item = (of: string, key: number): Item => ({ id: ids++, namespace: of, key, place: -1 });
const queueOf = (weigh: (id: string) => number = () => 1) =>
  createTurnQueue<Item>(createTurns(weigh), () => createSortedList<Item>());

describe('turns of namespaces', () => {
  test('give out everything once, and something whenever something waits', () => {
    const put = fc.tuple(namespace, fc.nat(50));
    fc.assert(
      fc.property(fc.array(fc.option(put, { nil: null })), weights, (steps, given) => {
        const queue = queueOf(weightOf(given));
        const waiting = new Set<Item>();
        for (const step of steps) {
          if (step) {
            const added = item(...step);
            queue.put(added);
            waiting.add(added);
          } else {
            const taken = queue.take();
            expect(taken !== undefined).toBe(waiting.size > 0);
            if (taken) expect(waiting.delete(taken)).toBe(true);
          }
          expect(queue.size()).toBe(waiting.size);
          expect(new Set(queue.items())).toEqual(waiting);
        }
      }),
    );
  });

  test('leave a namespace alone the order of its keys, whatever the structure', () => {
    for (const createOrder of [() => createHeap<Item>(), () => createSortedList<Item>()])
      fc.assert(
        fc.property(fc.array(fc.nat(20)), (keys) => {
          const queue = createTurnQueue<Item>(
            createTurns(() => 3),
            createOrder,
          );
          for (const key of keys) queue.put(item('a', key));
          const out = keys.map(() => queue.take()?.key);
          expect(out).toEqual([...keys].sort((a, b) => a - b));
        }),
      );
  });

  test('keep the order within each namespace beside others', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(namespace, fc.nat(20))), (all) => {
        const queue = queueOf();
        const items = all.map(([of, key]) => item(of, key));
        for (const each of items) queue.put(each);
        const out = items.map(() => queue.take() as Item);
        for (const of of names) {
          const mine = items.filter((each) => each.namespace === of);
          expect(out.filter((each) => each.namespace === of)).toEqual(mine.sort((a, b) => a.key - b.key));
        }
      }),
    );
  });

  test('share by weight while all wait', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 300 }), (given, taken) => {
        const queue = queueOf(weightOf(given));
        for (let n = 0; n < 400; n++) for (const of of ['a', 'b']) queue.put(item(of, n));
        const counts = { a: 0, b: 0 };
        for (let n = 0; n < taken; n++) counts[queue.take()?.namespace as 'a' | 'b']++;
        // The bound of start-time fair queueing: they differ by one run each at most, measured in their weights.
        expect(Math.abs(counts.a / given.a - counts.b / given.b)).toBeLessThanOrEqual(1 / given.a + 1 / given.b + 1e-9);
      }),
    );
  });

  test('let one that comes later wait for a turn of each other, however long they had all turns', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), (before) => {
        const queue = queueOf();
        for (let n = 0; n < 600; n++) for (const of of ['a', 'c']) queue.put(item(of, n));
        for (let n = 0; n < before; n++) queue.take();
        queue.put(item('b', 10_000));
        const next = [queue.take(), queue.take(), queue.take()].map((each) => each?.namespace);
        expect(next).toContain('b');
      }),
    );
  });

  test('give nothing for the time in which a namespace had nothing to do', () => {
    const queue = queueOf();
    for (let n = 0; n < 300; n++) for (const of of ['a', 'c']) queue.put(item(of, n));
    for (let n = 0; n < 200; n++) queue.take();
    for (let n = 0; n < 100; n++) queue.put(item('b', n));
    const out = Array.from({ length: 30 }, () => queue.take()?.namespace);
    for (const of of ['a', 'b', 'c']) expect(out.filter((each) => each === of).length).toBeGreaterThanOrEqual(9);
  });

  test('pass over namespaces that may not have one, and keys that are not below a bound', () => {
    const queue = queueOf();
    const [a, b, late] = [item('a', 1), item('b', 2), item('b', 9)];
    for (const each of [a, b, late]) queue.put(each);
    expect(queue.take((of) => of === 'b')).toBe(b);
    expect(queue.take(undefined, (of) => (of === 'b' ? 9 : 1))).toBeUndefined();
    expect(queue.leastKey('b')).toBe(9);
    expect(queue.leastKey()).toBe(1);
    expect(queue.leastKey('c')).toBe(Infinity);
    queue.remove(a);
    queue.remove(a);
    expect([queue.size(), queue.has('a'), queue.isOfOne(), queue.namespaces()]).toEqual([1, false, true, ['b']]);
    expect(queue.empty()).toEqual([late]);
    expect([queue.size(), queue.leastKey()]).toEqual([0, Infinity]);
  });

  test('treat one of many that had its turn long ago like one that never had any', () => {
    const turns = createTurns(() => 1);
    const many = Array.from({ length: 1_000 }, (_, n) => `n${n}`);
    for (const of of many) turns.took(of);
    expect(turns.at('n0')).toBeGreaterThan(turns.at('new'));
    for (const of of many.slice(1)) turns.took(of, 2);
    expect(turns.at('n0')).toBe(turns.at('new'));
  });
});

describe('a list in turns', () => {
  const all = fc.array(fc.record({ of: namespace, n: fc.nat(99) }));

  test('has all items, each namespace in the order given, and no more than asked for', () => {
    fc.assert(
      fc.property(all, fc.nat(30), (items, most) => {
        const listed = inTurns(
          items,
          ({ of }) => of,
          createTurns(() => 1),
          most,
        );
        expect(listed.length).toBe(Math.min(most, items.length));
        for (const of of names) {
          const mine = listed.filter((each) => each.of === of);
          expect(mine).toEqual(items.filter((each) => each.of === of).slice(0, mine.length));
        }
      }),
    );
  });

  test('is the list given where there is one namespace', () => {
    const items = Array.from({ length: 50 }, (_, n) => n);
    expect(
      inTurns(
        items,
        () => 'a',
        createTurns(() => 7),
      ),
    ).toEqual(items);
  });

  test('gives a namespace no more than its room', () => {
    const items = ['a', 'a', 'a', 'b', 'b', 'b'];
    const room = (of: string) => (of === 'a' ? 1 : -1);
    expect(
      inTurns(
        items,
        (of) => of,
        createTurns(() => 1),
        6,
        room,
      ),
    ).toEqual(['a']);
  });
});
