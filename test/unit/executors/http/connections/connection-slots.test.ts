import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConnectionSlot } from '../../../../../src/executors/http/connections/connection-slot.ts';
import { createConnectionSlots } from '../../../../../src/executors/http/connections/connection-slots.ts';
import { createConnector } from '../../../../../src/executors/http/connections/connector.ts';
import { createTargetFilter } from '../../../../../src/executors/http/filter/target-filter.ts';
import { createClock } from '../../../../clock.ts';
import { startTarget, type Target } from '../../../../target.ts';

let target: Target;
beforeEach(async () => {
  target = await startTarget();
});
afterEach(() => target.close());

function setUp(most: number) {
  const clock = createClock();
  const changes: boolean[] = [];
  const slots = createConnectionSlots(target.url, most, {
    clock,
    connector: createConnector({
      clock,
      filter: createTargetFilter({ deny: [], allow: [] }),
      resolve: () => Promise.reject(new Error('no name is looked up')),
    }),
    random: () => 0,
    onSaturated: (isSaturated) => changes.push(isSaturated),
  });
  const entered: ConnectionSlot[] = [];
  const pauses: number[] = [];
  const enter = (count: number) => {
    for (let caller = 0; caller < count; caller++)
      slots.enter(
        (slot) => void entered.push(slot),
        (pauseMs) => void pauses.push(pauseMs),
      );
  };
  return { clock, slots, changes, entered, pauses, enter };
}

/** Slots with a hundred callers that never leave, of whom 64 have entered. */
function crowded() {
  const made = setUp(512);
  made.enter(100);
  return made;
}

test('a target that is slow is given more connections', async () => {
  const { clock, entered } = crowded();
  expect(entered).toHaveLength(64);
  await clock.advance(20);
  expect(entered).toHaveLength(64);
  await clock.advance(20);
  expect(entered).toHaveLength(100);
});

test('a process that is itself too busy to look in time does not make itself more work', async () => {
  const { clock, entered } = crowded();
  for (let look = 0; look < 10; look++) {
    clock.freeze(60);
    await clock.advance(0);
  }
  expect(entered).toHaveLength(64);
});

test('of those that wait the least rank comes first, then who came first, and without a rank before all', async () => {
  const { clock, slots, entered } = setUp(1);
  const order: string[] = [];
  const enter = (name: string, effectiveDueAt?: number) =>
    slots.enter(
      (slot) => {
        entered.push(slot);
        order.push(name);
      },
      () => {},
      effectiveDueAt,
    );
  enter('first', 9);
  enter('a', 5);
  enter('b', 7);
  const withdraw = enter('gone', 6);
  enter('c', 5);
  enter('d', 1);
  enter('hook');
  enter('e', 7);
  withdraw();
  for (let left = 0; left < 7; left++) {
    slots.leave(entered[left] as ConnectionSlot, true);
    await clock.advance(0);
  }
  expect(order).toEqual(['first', 'hook', 'd', 'a', 'c', 'b', 'e']);
});

test('a rank below that of all who have been served finds its place', async () => {
  const { clock, slots, entered } = setUp(1);
  const enter = (effectiveDueAt: number) =>
    slots.enter(
      (slot) => void entered.push(slot),
      () => {},
      effectiveDueAt,
    );
  for (const effectiveDueAt of [9, 9, 5, 1]) {
    enter(effectiveDueAt);
    enter(effectiveDueAt);
    while (entered.length > 0) {
      slots.leave(entered.shift() as ConnectionSlot, true);
      await clock.advance(0);
    }
  }
  expect(slots.idleSince()).not.toBeNull();
});

test('nobody waits longer than a second for lanes whose calls do not end, nor at all once that is known', async () => {
  const { clock, changes, entered, pauses, enter } = setUp(4);
  enter(6);
  await clock.advance(999);
  expect([entered.length, pauses.length]).toEqual([4, 0]);
  await clock.advance(1);
  expect([entered.length, pauses.length]).toEqual([4, 2]);
  enter(1);
  expect([entered.length, pauses.length]).toEqual([4, 3]);
  expect(changes).toEqual([true]);
});

test('an origin may have all its lanes before anybody is sent away, even if nobody came to look', async () => {
  const { clock, entered, pauses, enter } = setUp(100);
  enter(200);
  // Too busy to look in time, and then just in time to judge.
  clock.freeze(1_000);
  await clock.advance(0);
  expect([entered.length, pauses.length]).toEqual([100, 0]);
  await clock.advance(1_000);
  expect([entered.length, pauses.length]).toEqual([100, 100]);
});

test('lanes that become free within a second on average are waited for, however long the line', async () => {
  const { clock, slots, changes, entered, pauses, enter } = setUp(2);
  enter(40);
  for (let left = 0; left < 38; left++) {
    await clock.advance(450);
    slots.leave(entered[left] as ConnectionSlot, true);
  }
  await clock.advance(0);
  expect([entered.length, pauses.length]).toEqual([40, 0]);
  expect(changes).toEqual([]);
});

test('nobody is sent away because this process was halted', async () => {
  const { clock, slots, entered, pauses, enter } = setUp(2);
  enter(3);
  clock.freeze(5_000);
  await clock.advance(0);
  slots.leave(entered[0] as ConnectionSlot, true);
  await clock.advance(0);
  expect([entered.length, pauses.length]).toEqual([3, 0]);
});

test('a call that runs into its timeout lets one more try and none wait; a quick one lets them wait again', async () => {
  const { clock, slots, changes, entered, pauses, enter } = setUp(3);
  enter(4);
  await clock.advance(1_000);
  slots.leave(entered[0] as ConnectionSlot, false);
  slots.leave(entered[1] as ConnectionSlot, false);
  enter(3);
  expect([entered.length, pauses.length]).toEqual([5, 2]);
  for (const slot of entered.slice(2)) slots.leave(slot, true);
  expect(changes).toEqual([true, false]);
  enter(4);
  await clock.advance(999);
  expect([entered.length, pauses.length]).toEqual([8, 2]);
});

test('an origin left alone for a while is waited for like one that is not known', async () => {
  const { clock, slots, changes, entered, pauses, enter } = setUp(1);
  enter(2);
  await clock.advance(1_000);
  slots.leave(entered[0] as ConnectionSlot, false);
  await clock.advance(10_000);
  enter(2);
  expect([entered.length, pauses.length]).toEqual([2, 1]);
  expect(changes).toEqual([true, false]);
});

test('who is sent away comes back one after the other, as many a second as there are lanes, within half a minute', async () => {
  const { clock, pauses, enter } = setUp(10);
  enter(1_010);
  await clock.advance(1_000);
  expect(pauses).toHaveLength(1_000);
  expect(pauses.slice(0, 3)).toEqual([2_100, 2_200, 2_300]);
  expect(pauses.at(-1)).toBe(30_000);
});
