import { expect, test } from 'vitest';
import { orderOf, partsOf, sortBurst } from '../../../../src/engine/firing/batch-parts.ts';
import type { Entry } from '../../../../src/engine/timetable/timetable.ts';
import { entryOf } from '../../../timetable-entry.ts';

let uids = 0;
function entriesOf(namespace: string, ...priorities: number[]): Entry[] {
  return priorities.map((priority) => ({
    ...entryOf({ uid: ++uids, id: `${namespace}-${uids}`, scheduleVersion: 1 }),
    ...{ namespace, priority },
  }));
}
const written = (entries: readonly Entry[]) =>
  entries.map(({ namespace, priority }) => `${namespace}${priority}`).join(' ');

test('a burst goes by priority, and where namespaces share it, in turns of these by weight', () => {
  const weights = new Map([['b', 2]]);
  const sorted = (...burst: Entry[]) => written(sortBurst(burst, (of) => weights.get(of) ?? 1));
  expect(sorted(...entriesOf('a', 1, 9, 5))).toBe('a9 a5 a1');
  const flood = entriesOf('a', 9, 9, 9, 9, 9);
  expect(sorted(...flood, ...entriesOf('c', 0, 1))).toBe('a9 c1 a9 c0 a9 a9 a9');
  expect(sorted(...flood, ...entriesOf('b', 0, 1, 2, 3))).toBe('a9 b3 b2 a9 b1 b0 a9 a9 a9');
});

test('a batch knows the first of each namespace, and whether there is room for all of them', () => {
  const due = [...entriesOf('a', 9, 5), ...entriesOf('b', 0), ...entriesOf('a', 5)].map((entry) => ({
    ...{ entry, instant: 100_000, nextAt: Infinity },
  }));
  expect(partsOf(due).map(({ namespace, count, last }) => [namespace, count, last])).toEqual([
    ['a', 3, due[3]],
    ['b', 1, due[2]],
  ]);
  const order = orderOf(due);
  expect(order.effectiveDueAt()).toBe(order.effectiveDueAt('a'));
  expect(order.effectiveDueAt('a')).toBeLessThan(order.effectiveDueAt('b'));
  expect(order.effectiveDueAt('c')).toBe(Infinity);
  const room = new Map([['a', 3]]);
  expect(order.fits((of) => room.get(of) ?? 1)).toBe(true);
  expect(order.fits((of) => (of === 'a' ? 2 : 9))).toBe(false);
  expect(order.fits((of) => (of === 'b' ? 0 : 9))).toBe(false);
});
