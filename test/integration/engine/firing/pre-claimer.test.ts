import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { misfireRule } from '../../../../src/domain/schedule/misfire.ts';
import type { CompiledSchedule } from '../../../../src/domain/schedule/schedule.ts';
import { createPreClaimer, type PreClaimedBatch } from '../../../../src/engine/firing/pre-claimer.ts';
import { createTimetable, type DueOccurrence } from '../../../../src/engine/timetable/timetable.ts';
import { noLock, type OccurrenceLock } from '../../../../src/redis/lock.ts';
import { claimOccurrences, readSnapshots, type TaskSnapshot } from '../../../../src/store/runs/claiming/claims.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { createTurns, type Turns } from '../../../../src/turns.ts';
import { noPostgres } from '../../../services/provided.ts';
import { watchedTurns } from '../../../turns-watch.ts';
import { dueOf, makeTasks, openStore, runIds, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

let names = 0;
beforeEach(() => {
  names++;
});

const misfire = misfireRule({ policy: 'skip', grace: '1m', limit: 1 });
const scheduleAt = { kind: 'at' as const, atMs: t0 };

type Burst = {
  size?: number;
  mostBatches?: number;
  lock?: OccurrenceLock;
  policies?: boolean;
  limited?: boolean;
  priorityOf?: (place: number) => number;
  claiming?: (tasks: readonly Task[]) => ReadonlySet<number> | null;
  schedule?: CompiledSchedule;
  turns?: Turns;
};

/** Tasks due at `t0` and a pre-claimer for them, in batches of 50; `time.now` is set by hand. */
async function burst(options: Burst = {}) {
  const { size = 100, mostBatches = 8, policies = false, limited = false } = options;
  const ids = Array.from({ length: size }, (_, place) => `burst-${names}-${place}`);
  const more = policies ? { concurrency: { key: 'k', limit: 5 } } : {};
  const tasks = await makeTasks(store.db, ids, { target: 'http://127.0.0.1:9/', ...more });
  const timetable = createTimetable();
  tasks.forEach(({ uid, id, scheduleVersion }, place) => {
    const timing = {
      uid,
      schedule: options.schedule ?? scheduleAt,
      activeFrom: t0 - 1,
      startsAt: null,
      endsAt: null,
      jitterMs: 0,
    };
    const priority = options.priorityOf?.(place) ?? 5;
    timetable.put({ uid, id, namespace: 'default', scheduleVersion, priority, limited, timing, misfire }, t0 - 1);
  });
  const snapshots = new LRUCache<number, TaskSnapshot>({ max: 10_000 });
  for (const [uid, snapshot] of await readSnapshots(
    store.db,
    tasks.map(({ uid }) => uid),
  ))
    snapshots.set(uid, snapshot);
  const state = { now: t0 - 300, owner: randomUUID(), held: true };
  const released: DueOccurrence[] = [];
  const preClaimer = createPreClaimer({
    database: store.database,
    time: { now: () => state.now },
    timetable,
    snapshots,
    turns: options.turns ?? createTurns(() => 0, setImmediate),
    isOwn: () => true,
    weightOf: () => 1,
    lease: { id: () => state.owner, held: () => state.held },
    lock: options.lock ?? noLock,
    lockTtlMs: 10_000,
    runIds,
    mostBatches,
    batchSize: 50,
    claiming: () => (options.claiming ? options.claiming(tasks) : new Set()),
    onReleased: (due) => released.push(...due),
  });
  const take = (): PreClaimedBatch | null => {
    const batch = preClaimer.first();
    preClaimer.take();
    return batch;
  };
  const rows = async () =>
    (
      await store.db.query<{ task_uid: string; started_at: Date; status: string; owner: string }>(
        'select task_uid, started_at, status, owner from runs where task_uid = any($1)',
        [tasks.map(({ uid }) => uid)],
      )
    ).rows;
  return { tasks, timetable, preClaimer, state, released, take, rows };
}

describe.skipIf(noPostgres)('a burst', () => {
  test('is written before its instant, seen and begun from then on, and claimed by nobody besides', async () => {
    const { tasks, timetable, preClaimer, state, take, rows, released } = await burst();
    await preClaimer.step();
    expect(await rows()).toEqual([]);
    expect(preClaimer.takeIn(t0 - 1)).toEqual([]);
    expect(preClaimer.first()).toBeNull();
    expect(preClaimer.oldest()).toBe(Infinity);
    state.now = t0;
    expect(preClaimer.takeIn(t0)).toHaveLength(tasks.length);
    expect(timetable.takeDue(t0, 1_000).due).toEqual([]);
    expect(preClaimer.oldest()).toBe(t0);
    for (const place of [1, 2]) {
      const batch = take();
      const runs = await batch?.commit();
      expect(runs).toHaveLength(50);
      expect(runs?.[0]).toMatchObject({ attempt: 1, scheduledFor: t0, trigger: 'schedule', snapshot: { version: 1 } });
      expect(await rows()).toHaveLength(50 * place);
    }
    expect(take()).toBeNull();
    expect(preClaimer.oldest()).toBe(Infinity);
    expect(new Set((await rows()).map(({ status, owner, started_at }) => `${status} ${owner} ${+started_at}`))).toEqual(
      new Set([`running ${state.owner} ${t0}`]),
    );
    expect(released).toEqual([]);
  });

  test('looks ahead before its instant, in turns: rare schedules take long to go on from it', async () => {
    const { turns, watch } = watchedTurns();
    const asked: number[] = [];
    const next = (after: number) => {
      watch.now += 2;
      asked.push(after);
      return after < t0 ? t0 : t0 + 86_400_000;
    };
    const cron = { next, count: () => 1, leftOut: () => null, changesOfClock: () => [], zoned: false };
    const { tasks, preClaimer } = await burst({ schedule: { kind: 'cron', cron }, turns });
    await turns.take();
    const before = watch.now;
    await preClaimer.step();
    expect(asked.filter((after) => after === t0)).toHaveLength(tasks.length);
    expect(watch.now - before).toBe(2 * tasks.length);
    expect(watch.pauses).toBeGreaterThan(tasks.length / 8);
    await preClaimer.stop();
  });

  test.each([
    ['small', { size: 63 }],
    ['of tasks with maxRuns', { limited: true }],
    ['of tasks with limits', { policies: true }],
    ['behind others that wait to be claimed', { claiming: () => null }],
    ['without connections for it', { mostBatches: 0 }],
  ])('that is %s is left to be claimed', async (_, options) => {
    const { tasks, timetable, preClaimer, rows } = await burst(options);
    await preClaimer.step();
    expect(preClaimer.takeIn(t0)).toEqual([]);
    expect(timetable.takeDue(t0, 1_000).due).toHaveLength(tasks.length);
    expect(await rows()).toEqual([]);
  });

  test('leaves out whose earlier occurrence is being claimed, and who has a live run', async () => {
    const setting = await burst({ claiming: (tasks) => new Set([tasks[0]?.uid as number]) });
    const { tasks, timetable, preClaimer } = setting;
    const [first, second] = tasks as [Task, Task];
    const claimer = { owner: randomUUID(), now: t0 - 2_000, trigger: 'schedule' as const };
    await claimOccurrences(store.db, [dueOf(second, -2)], claimer, false);
    await preClaimer.step();
    expect(preClaimer.takeIn(t0)).toHaveLength(tasks.length - 2);
    const left = timetable.takeDue(t0, 1_000).due.map(({ entry }) => entry.uid);
    expect(left.sort()).toEqual([first.uid, second.uid].sort());
    await preClaimer.stop();
  });

  test('leaves out who was given a limit since its plan was read', async () => {
    const { tasks, timetable, preClaimer, take, rows } = await burst({ size: 64 });
    const { uid } = tasks[0] as Task;
    await store.db.query(`update tasks set limit_group = gen_random_uuid(), version = version + 1 where uid = $1`, [
      uid,
    ]);
    await preClaimer.step();
    preClaimer.takeIn(t0);
    for (let batch = take(); batch; batch = take()) await batch.commit();
    expect((await rows()).map((row) => Number(row.task_uid))).not.toContain(uid);
    expect(await rows()).toHaveLength(63);
    expect(timetable.takeDue(t0, 10).due).toMatchObject([{ entry: { uid } }]);
  });

  test('leaves what the lock gave to others', async () => {
    const lock: OccurrenceLock = { take: async (keys) => keys.map((_, place) => place % 2 === 0) };
    const { timetable, preClaimer } = await burst({ lock });
    await preClaimer.step();
    expect(preClaimer.takeIn(t0)).toHaveLength(50);
    expect(timetable.takeDue(t0, 1_000).due).toHaveLength(50);
    await preClaimer.stop();
  });

  test('has its most urgent first where there is no room for all', async () => {
    const { tasks, preClaimer } = await burst({ mostBatches: 1, priorityOf: (place) => (place >= 60 ? 9 : 1) });
    await preClaimer.step();
    const urgent = new Set(tasks.slice(60).map(({ uid }) => uid));
    const taken = preClaimer.takeIn(t0).map(({ entry }) => entry.uid);
    expect(taken).toHaveLength(50);
    expect(taken.filter((uid) => urgent.has(uid))).toHaveLength(40);
    expect(preClaimer.first()?.order.effectiveDueAt()).toBe(t0 - 90_000);
    await preClaimer.stop();
  });

  test('loses those that are stopped or changed before it is due', async () => {
    const { tasks, timetable, preClaimer, take, rows } = await burst({ size: 64 });
    await preClaimer.step();
    const [stopped, changed] = tasks as [Task, Task];
    timetable.remove(stopped.uid);
    const { uid, id } = changed;
    const timing = { uid, schedule: scheduleAt, activeFrom: t0 - 1, startsAt: null, endsAt: null, jitterMs: 0 };
    timetable.put(
      { uid, id, namespace: 'default', scheduleVersion: 2, priority: 5, limited: false, timing, misfire },
      t0 - 1,
    );
    preClaimer.takeIn(t0);
    for (let batch = take(); batch; batch = take()) await batch.commit();
    const fired = (await rows()).map((row) => Number(row.task_uid));
    expect(fired).toHaveLength(62);
    expect(fired).not.toContain(stopped.uid);
    expect(fired).not.toContain(changed.uid);
    // By its new definition it is due all the same.
    expect(timetable.takeDue(t0, 10).due).toMatchObject([{ entry: { uid, scheduleVersion: 2 } }]);
  });

  test('is nobody’s when the lease is lost before it is due', async () => {
    const { preClaimer, state, take, rows, released } = await burst();
    await preClaimer.step();
    preClaimer.takeIn(t0);
    const batch = take();
    state.owner = randomUUID();
    await expect(batch?.commit()).rejects.toThrow('lease');
    await preClaimer.step();
    expect(released).toHaveLength(50);
    expect(await rows()).toEqual([]);
  });

  test('is let go of where no slots become free for it, also while the rest of it is committed', async () => {
    const { preClaimer, state, take, rows, released } = await burst({ size: 150 });
    await preClaimer.step();
    state.now = t0;
    preClaimer.takeIn(t0);
    state.now = t0 + 250;
    await preClaimer.step();
    expect(released).toEqual([]);
    state.now = t0 + 301;
    const step = preClaimer.step();
    // The sweep must not take what is on its way out for nobody's.
    expect(preClaimer.oldest()).toBe(t0);
    // The first is on its way out: the next is still whole.
    await take()?.commit();
    await step;
    expect(released).toHaveLength(100);
    expect(await rows()).toHaveLength(50);
    expect(preClaimer.first()).toBeNull();
  });

  test('leaves nothing behind when the replica ends', async () => {
    const { preClaimer, rows } = await burst();
    await preClaimer.step();
    await preClaimer.stop();
    expect(preClaimer.takeIn(t0)).toEqual([]);
    expect(await rows()).toEqual([]);
  });
});
