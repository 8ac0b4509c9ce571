import { expect, test } from 'vitest';
import { createGovernor, type Slot } from '../../../../src/executors/governor/governor.ts';
import { createClock } from '../../../clock.ts';

function setUp(most: number) {
  const clock = createClock();
  const changes: string[] = [];
  const governor = createGovernor<Slot>({
    clock,
    random: () => 0,
    most,
    weightOf: (of) => (of === 'heavy' ? 3 : 1),
    circuit: { threshold: 0.8, windowMs: 60_000, minimumCalls: 10, cooldownMs: 5_000 },
    onChange: (from, to) => changes.push(`${from} ${to}`),
  });
  const entered: Slot[] = [];
  const pauses: number[] = [];
  const destroyed: Slot[] = [];
  const caller = {
    open: () => {
      const slot: Slot = { takenAt: 0, leftAt: 0, namespace: '', destroy: () => destroyed.push(slot) };
      return slot;
    },
    start: (slot: Slot) => void entered.push(slot),
    refuse: (pauseMs: number) => void pauses.push(pauseMs),
  };
  const enter = (count: number, namespace = 'default') => {
    for (let each = 0; each < count; each++) governor.enter(caller, namespace);
  };
  const fail = (count: number) => {
    for (let each = 0; each < count; each++) governor.learn(governor.begin(), true);
  };
  return { clock, governor, changes, entered, pauses, destroyed, caller, enter, fail };
}

/** A governor with a hundred callers that never leave, of whom 64 have entered. */
function crowded() {
  const made = setUp(512);
  made.enter(100);
  return made;
}

test('a slow target is given more slots', async () => {
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

test('the waiting caller with the least effective due time comes first, then the first to arrive; one without comes before all', async () => {
  const { clock, governor, caller, entered } = setUp(1);
  const order: string[] = [];
  const enter = (name: string, effectiveDueAt?: number) =>
    governor.enter(
      {
        ...caller,
        start(slot) {
          entered.push(slot);
          order.push(name);
        },
      },
      'default',
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
    governor.leave(entered[left] as Slot, true);
    await clock.advance(0);
  }
  expect(order).toEqual(['first', 'hook', 'd', 'a', 'c', 'b', 'e']);
});

test('a caller due before all who were served finds its place', async () => {
  const { clock, governor, caller, entered } = setUp(1);
  const enter = (effectiveDueAt: number) => governor.enter(caller, 'default', effectiveDueAt);
  for (const effectiveDueAt of [9, 9, 5, 1]) {
    enter(effectiveDueAt);
    enter(effectiveDueAt);
    while (entered.length > 0) {
      governor.leave(entered.shift() as Slot, true);
      await clock.advance(0);
    }
  }
  expect(governor.idleSince()).not.toBeNull();
});

test('nobody waits longer than a second for slots whose calls do not end, nor at all once that is known', async () => {
  const { clock, changes, entered, pauses, enter } = setUp(4);
  enter(6);
  await clock.advance(999);
  expect([entered.length, pauses.length]).toEqual([4, 0]);
  await clock.advance(1);
  expect([entered.length, pauses.length]).toEqual([4, 2]);
  enter(1);
  expect([entered.length, pauses.length]).toEqual([4, 3]);
  expect(changes).toEqual(['closed saturated']);
});

test('a target may have all its slots before anybody is deferred, even if nobody came to look', async () => {
  const { clock, entered, pauses, enter } = setUp(100);
  enter(200);
  // Too busy to look in time, and then just in time to judge.
  clock.freeze(1_000);
  await clock.advance(0);
  expect([entered.length, pauses.length]).toEqual([100, 0]);
  await clock.advance(1_000);
  expect([entered.length, pauses.length]).toEqual([100, 100]);
});

test('callers wait for slots that become free within a second on average, however long the queue', async () => {
  const { clock, governor, changes, entered, pauses, enter } = setUp(2);
  enter(40);
  for (let left = 0; left < 38; left++) {
    await clock.advance(450);
    governor.leave(entered[left] as Slot, true);
  }
  await clock.advance(0);
  expect([entered.length, pauses.length]).toEqual([40, 0]);
  expect(changes).toEqual([]);
});

test('nobody is deferred because this process was halted', async () => {
  const { clock, governor, entered, pauses, enter } = setUp(2);
  enter(3);
  clock.freeze(5_000);
  await clock.advance(0);
  governor.leave(entered[0] as Slot, true);
  await clock.advance(0);
  expect([entered.length, pauses.length]).toEqual([3, 0]);
});

test('a call that runs into its timeout lets one more try and none wait; a quick one lets them wait again', async () => {
  const { clock, governor, changes, entered, pauses, enter } = setUp(3);
  enter(4);
  await clock.advance(1_000);
  governor.leave(entered[0] as Slot, false);
  governor.leave(entered[1] as Slot, false);
  enter(3);
  expect([entered.length, pauses.length]).toEqual([5, 2]);
  for (const slot of entered.slice(2)) governor.leave(slot, true);
  expect(changes).toEqual(['closed saturated', 'saturated closed']);
  enter(4);
  await clock.advance(999);
  expect([entered.length, pauses.length]).toEqual([8, 2]);
});

test('callers wait again for a target that was left alone for a while', async () => {
  const { clock, governor, changes, entered, pauses, enter } = setUp(1);
  enter(2);
  await clock.advance(1_000);
  governor.leave(entered[0] as Slot, false);
  await clock.advance(10_000);
  enter(2);
  expect([entered.length, pauses.length]).toEqual([2, 1]);
  expect(changes).toEqual(['closed saturated', 'saturated closed']);
});

test('deferred callers come back one after the other, as many a second as there are slots, within half a minute', async () => {
  const { clock, pauses, enter } = setUp(10);
  enter(1_010);
  await clock.advance(1_000);
  expect(pauses).toHaveLength(1_000);
  expect(pauses.slice(0, 3)).toEqual([2_100, 2_200, 2_300]);
  expect(pauses.at(-1)).toBe(30_000);
});

test('callers that wait when the group opens are deferred, and none waits until a probe is answered', async () => {
  const { governor, changes, entered, pauses, enter, fail } = setUp(4);
  enter(6);
  fail(10);
  expect([entered.length, pauses.length]).toEqual([4, 2]);
  enter(1);
  expect(pauses).toHaveLength(3);
  expect(governor.opened()).toEqual({ msAgo: 0, isProbed: false });
  for (const slot of entered.splice(0)) governor.leave(slot, true);
  enter(1);
  expect([entered.length, pauses.length]).toEqual([1, 3]);
  expect(changes).toEqual(['closed open']);
});

test('a probe finds a slot even while calls hang on those that a quick target would have', async () => {
  const { clock, governor, changes, entered, enter, fail } = setUp(512);
  enter(64);
  fail(10);
  await clock.advance(5_000);
  expect(governor.waitMs()).toBe(0);
  const probe = governor.begin();
  enter(1);
  expect(entered).toHaveLength(65);
  governor.learn(probe, false);
  expect(changes).toEqual(['closed open', 'open open', 'open closed']);
  // Closed, it begins with few slots again.
  enter(1);
  expect(entered).toHaveLength(65);
});

test('a saturated group whose calls time out opens, and a probe that is answered lets callers wait again', async () => {
  const { clock, governor, changes, pauses, enter, fail } = setUp(2);
  enter(3);
  await clock.advance(1_000);
  fail(10);
  await clock.advance(5_000);
  expect(governor.waitMs()).toBe(0);
  governor.learn(governor.begin(), false);
  expect(changes).toEqual(['closed saturated', 'saturated open', 'open open', 'open closed']);
  enter(1);
  expect(pauses).toHaveLength(1);
  await clock.advance(1_000);
  expect(pauses).toHaveLength(2);
});

test('slots that a slow hour took are destroyed once the group was left alone for a while', async () => {
  const { clock, governor, entered, destroyed, enter } = setUp(512);
  enter(100);
  await clock.advance(40);
  for (const slot of entered.splice(0)) governor.leave(slot, true);
  expect(destroyed).toHaveLength(0);
  await clock.advance(10_000);
  enter(1);
  expect(destroyed).toHaveLength(36);
});

test('a slot that could not be made is not counted as taken', () => {
  const { governor, entered, caller } = setUp(1);
  const open = () => {
    throw new Error('it cannot be made');
  };
  expect(() => governor.enter({ ...caller, open }, 'default')).toThrow('it cannot be made');
  governor.enter(caller, 'default');
  expect(entered).toHaveLength(1);
});

const of = (slots: readonly Slot[], namespace: string) => slots.filter((slot) => slot.namespace === namespace).length;

test('slots are kept for another namespace that has called, and its callers take turns by weight', async () => {
  const { clock, governor, enter, entered } = setUp(64);
  enter(1, 'heavy');
  governor.leave(entered.splice(0)[0] as Slot, true);
  enter(200, 'a');
  expect(of(entered, 'a')).toBe(56);
  enter(4, 'heavy');
  expect(of(entered, 'heavy')).toBe(4);
  enter(200, 'heavy');
  expect(of(entered, 'heavy')).toBe(8);
  // Each call ends before one that began later.
  for (let ended = 0; ended < 150; ended++) {
    governor.leave(entered.shift() as Slot, true);
    await clock.advance(0);
  }
  expect([of(entered, 'a'), of(entered, 'heavy')]).toEqual([16, 48]);
});

test('a namespace that calls a group alone has all of its slots, and has them again ten minutes after another', async () => {
  const { clock, governor, enter, entered } = setUp(64);
  const leave = () => {
    for (const slot of entered.splice(0)) governor.leave(slot, true);
  };
  enter(64, 'a');
  expect(entered).toHaveLength(64);
  leave();
  enter(1, 'b');
  leave();
  enter(57, 'a');
  expect(entered).toHaveLength(56);
  leave();
  await clock.advance(0);
  leave();
  await clock.advance(10 * 60_000);
  enter(64, 'a');
  expect(entered).toHaveLength(64);
});
