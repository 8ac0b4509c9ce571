import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MisfireRule } from '../../../../src/domain/schedule/misfire.ts';
import { nextOccurrence, type Timing } from '../../../../src/domain/schedule/occurrence.ts';
import { createTimetable, type Entry, type Timetable } from '../../../../src/engine/timetable/timetable.ts';

const t0 = Date.UTC(2031, 0, 1);
const patient: MisfireRule = { policy: 'fire_once', graceMs: 3_600_000, limit: 1 };

type Task = Omit<Entry, 'key' | 'place'>;

function every(uid: number, everyMs: number, more: Partial<Task> & { endsAt?: number; startsAt?: number } = {}): Task {
  const { endsAt = null, startsAt = null, ...entry } = more;
  const timing: Timing = {
    uid,
    schedule: { kind: 'every', everyMs, anchorMs: t0 },
    activeFrom: t0 - 1,
    startsAt,
    endsAt,
    jitterMs: 0,
  };
  return {
    uid,
    id: `task-${uid}`,
    namespace: 'default',
    scheduleVersion: 1,
    priority: 5,
    limited: false,
    timing,
    misfire: patient,
    ...entry,
  };
}

const at = (uid: number, atMs: number, more: Partial<Task> = {}): Task => {
  const task = every(uid, 1, more);
  return { ...task, timing: { ...task.timing, schedule: { kind: 'at', atMs } } };
};

const shown = ({ due, missed }: ReturnType<Timetable['takeDue']>) => ({
  due: due.map(({ entry, instant, nextAt }) => [entry.uid, instant - t0, nextAt === Infinity]),
  missed: missed.map(({ entry, after, upTo, nextAt }) => [entry.uid, after - t0, upTo - t0, nextAt === Infinity]),
});

describe('the timetable', () => {
  test('gives out what is due, in order, and knows what is next', () => {
    const timetable = createTimetable();
    timetable.put(every(1, 300), t0 - 1);
    timetable.put(every(2, 200), t0 - 1);
    expect(timetable.next()).toBe(t0);
    const { due } = timetable.takeDue(t0 + 450, 100);
    expect(due.map(({ instant }) => instant - t0)).toEqual([0, 0, 200, 300, 400]);
    expect(timetable.next()).toBe(t0 + 600);
    expect(timetable.takeDue(t0 + 599, 100)).toEqual({ due: [], missed: [] });
  });

  test('agrees with the plain definition of what is due, for any tasks and any batches', () => {
    const task = fc.record({
      everyMs: fc.integer({ min: 100, max: 2_000 }),
      from: fc.integer({ min: -3_000, max: 3_000 }),
      endsAt: fc.option(fc.integer({ min: 0, max: 6_000 })),
      jitterMs: fc.constantFrom(0, 0, 700),
    });
    fc.assert(
      fc.property(
        fc.array(task, { maxLength: 8 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 1, max: 9 })), { maxLength: 10 }),
        (tasks, turns) => {
          const timetable = createTimetable();
          const timings = tasks.map(({ everyMs, from, endsAt, jitterMs }, uid) => {
            const made = every(uid, everyMs, endsAt === null ? {} : { endsAt: t0 + endsAt });
            const put = { ...made, timing: { ...made.timing, jitterMs } };
            timetable.put(put, t0 + from);
            return { timing: put.timing, from: t0 + from };
          });
          let now = t0;
          const given: [number, number][] = [];
          const take = (limit: number) => {
            const { due } = timetable.takeDue(now, limit);
            expect(due.length).toBeLessThanOrEqual(limit);
            for (const { entry, instant, nextAt } of due) {
              given.push([entry.uid, instant]);
              expect(nextAt).toBe(nextOccurrence(entry.timing, instant) ?? Infinity);
            }
            expect(due.map(({ instant }) => instant)).toEqual(due.map(({ instant }) => instant).sort((a, b) => a - b));
            return due.length;
          };
          for (const [ms, limit] of turns) {
            now += ms;
            take(limit);
          }
          while (take(1_000) > 0);
          for (const [uid, { timing, from }] of timings.entries()) {
            const expected: number[] = [];
            for (
              let next = nextOccurrence(timing, from);
              next !== null && next <= now;
              next = nextOccurrence(timing, next)
            )
              expected.push(next);
            expect(given.filter(([each]) => each === uid).map(([, instant]) => instant)).toEqual(expected);
          }
        },
      ),
    );
  });

  test('keeps to the limit and gives out the rest the next time', () => {
    const timetable = createTimetable();
    for (let uid = 0; uid < 5; uid++) timetable.put(every(uid, 1_000), t0 - 1);
    expect(timetable.takeDue(t0, 3).due).toHaveLength(3);
    expect(timetable.next()).toBe(t0);
    expect(timetable.takeDue(t0, 3).due).toHaveLength(2);
    expect(timetable.takeDue(t0, 3).due).toHaveLength(0);
    expect(timetable.takeDue(t0 + 1_000, 0)).toEqual({ due: [], missed: [] });
  });

  test('puts a task in place of its earlier schedule_version, which is due no more', () => {
    const timetable = createTimetable();
    timetable.put(every(1, 100), t0 - 1);
    timetable.put(every(1, 700, { scheduleVersion: 2 }), t0);
    expect([timetable.size(), timetable.has(1, 1), timetable.has(1, 2)]).toEqual([1, false, true]);
    const { due } = timetable.takeDue(t0 + 1_500, 100);
    expect(due.map(({ entry, instant }) => [entry.scheduleVersion, instant - t0])).toEqual([
      [2, 700],
      [2, 1_400],
    ]);
  });

  test('forgets a task that is removed, whether it has an instant or not', () => {
    const timetable = createTimetable();
    timetable.put(every(1, 100), t0 - 1);
    timetable.put(at(2, t0 - 5_000), t0);
    timetable.remove(1);
    timetable.remove(2);
    timetable.remove(3);
    expect([timetable.size(), timetable.next(), timetable.has(1, 1), timetable.has(2, 1)]).toEqual([
      0,
      Infinity,
      false,
      false,
    ]);
    expect(timetable.takeDue(t0 + 10_000, 100)).toEqual({ due: [], missed: [] });
  });

  test('counts tasks without a next instant, and gives out nothing of them', () => {
    const timetable = createTimetable();
    timetable.put({ ...every(1, 1), timing: { ...every(1, 1).timing, schedule: { kind: 'manual' } } }, t0);
    timetable.put(at(2, t0), t0);
    expect([timetable.size(), timetable.next(), timetable.has(1, 1)]).toEqual([2, Infinity, true]);
    timetable.put(at(2, t0 + 5, { scheduleVersion: 2 }), t0);
    expect(timetable.next()).toBe(t0 + 5);
  });

  test('says of an occurrence that it is the last one', () => {
    const timetable = createTimetable();
    timetable.put(at(1, t0 + 10), t0);
    timetable.put(every(2, 10, { endsAt: t0 + 20 }), t0);
    expect(shown(timetable.takeDue(t0 + 50, 100)).due.sort()).toEqual([
      [1, 10, true],
      [2, 10, false],
      [2, 20, true],
    ]);
    expect([timetable.size(), timetable.next()]).toEqual([2, Infinity]);
  });

  test('gives out what is urgent before more than the limit that was due earlier, but not before what waited much longer', () => {
    const timetable = createTimetable();
    for (let uid = 0; uid < 5; uid++) timetable.put(at(uid, t0), t0 - 1);
    timetable.put(at(5, t0 + 1_000, { priority: 9 }), t0 - 1);
    timetable.put(at(6, t0 + 500), t0 - 1);
    timetable.adjust(6, { priority: 6, misfire: patient, limited: false });
    timetable.put(at(7, t0 + 45_000, { priority: 9 }), t0 - 1);
    const uids = (limit: number) => timetable.takeDue(t0 + 50_000, limit).due.map(({ entry }) => entry.uid);
    expect(uids(2)).toEqual([5, 6]);
    expect(timetable.next()).toBe(t0);
    expect(uids(5).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(uids(5)).toEqual([7]);
  });

  test('carries a changed priority in what it gives out', () => {
    const timetable = createTimetable();
    timetable.put(every(1, 100), t0 - 1);
    timetable.adjust(1, { priority: 9, misfire: patient, limited: false });
    timetable.adjust(7, { priority: 9, misfire: patient, limited: false });
    expect(timetable.takeDue(t0, 1).due[0]?.entry.priority).toBe(9);
  });

  test('tells what is beyond its grace as one stretch, however much it is, and the rest one by one', () => {
    const timetable = createTimetable();
    const hasty: MisfireRule = { policy: 'skip', graceMs: 1_000, limit: 1 };
    timetable.put(every(1, 100, { misfire: hasty }), t0 - 1);
    const now = t0 + 86_400_000;
    const taken = shown(timetable.takeDue(now, 100));
    // Up to and without the first that is within its grace.
    expect(taken.missed).toEqual([[1, -1, 86_400_000 - 1_000 - 1, false]]);
    expect(taken.due.map(([, instant]) => instant)).toEqual(
      Array.from({ length: 11 }, (_, place) => 86_400_000 - 1_000 + 100 * place),
    );
  });

  test('gives out an occurrence whose grace just ends, and misses it a millisecond later', () => {
    for (const [late, missed] of [
      [1_000, 0],
      [1_001, 1],
    ] as const) {
      const timetable = createTimetable();
      timetable.put(at(1, t0, { misfire: { policy: 'skip', graceMs: 1_000, limit: 1 } }), t0 - 1);
      const taken = shown(timetable.takeDue(t0 + late, 10));
      expect([taken.due.length, taken.missed.length]).toEqual([1 - missed, missed]);
      if (missed) expect(taken.missed).toEqual([[1, -1, 0, true]]);
    }
  });

  test('handles a hundred thousand tasks without minding how many they are', () => {
    const timetable = createTimetable();
    const started = performance.now();
    for (let uid = 0; uid < 100_000; uid++) {
      const task = every(uid, 60_000);
      task.timing.schedule = { kind: 'every', everyMs: 60_000, anchorMs: t0 + (uid % 60_000) };
      timetable.put(task, t0 - 1);
    }
    let count = 0;
    for (let ms = 0; ms <= 60_000; ms += 100) count += timetable.takeDue(t0 + ms, 5_000).due.length;
    for (let uid = 0; uid < 100_000; uid += 2) timetable.remove(uid);
    // In quadratic time it would be ten thousand million steps: minutes, not seconds.
    expect(performance.now() - started).toBeLessThan(20_000);
    expect([timetable.size(), count]).toEqual([50_000, 100_002]);
  });
});

test('takes no more than it is given time for, and the rest the next time', () => {
  const timetable = createTimetable();
  let asked = 0;
  const next = (after: number) => {
    asked++;
    return after < t0 ? t0 : t0 + 86_400_000;
  };
  const schedule = {
    kind: 'cron' as const,
    cron: { next, count: () => 1, leftOut: () => null, changesOfClock: () => [], zoned: false },
  };
  for (let uid = 0; uid < 2_000; uid++) {
    const timing = { uid, schedule, activeFrom: t0 - 1, startsAt: null, endsAt: null, jitterMs: 0 };
    const task = {
      uid,
      id: `rare-${uid}`,
      namespace: 'default',
      scheduleVersion: 1,
      priority: 5,
      limited: false,
      timing,
    };
    timetable.put({ ...task, misfire: patient }, t0 - 1);
  }
  asked = 0;
  expect(
    timetable.takeDue(
      t0,
      5_000,
      () => Infinity,
      () => asked < 10,
    ).due,
  ).toHaveLength(10);
  expect(asked).toBe(10);
  expect(timetable.next()).toBe(t0);
  expect(timetable.takeDue(t0, 5_000).due).toHaveLength(1_990);
});
