import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { renewLease } from '../../../../src/store/cluster/replicas.ts';
import { attemptsOf, rescueRunsOfDead, rescueStuckRuns } from '../../../../src/store/runs/recovery/stuck-runs.ts';
import { noPostgres } from '../../../services/provided.ts';
import { makeTask, openStore, plantRun, readRun, type Store, t0 } from '../store.ts';

let store: Store;
let uid: number;
beforeAll(async () => {
  store = await openStore();
  uid = (await makeTask(store.db, 'orphaned', { overlap: 'allow' })).uid;
});
beforeEach(() => store.db.query('truncate runs, replicas'));

const state = {
  version: '1',
  tz: '2025c',
  host: 'here',
  pid: 1,
  running: 0,
  tasksLoaded: 0,
  firing: false,
  breakers: [],
};
const renew = (id: string, ttlMs: number) => renewLease(store.db, { ...state, id }, ttlMs);
const databaseNow = async () => {
  const { rows } = await store.db.query<{ now: number }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as now',
  );
  return rows[0]?.now as number;
};

async function stuckRun(
  owner: string,
  run: { attempt?: number; max_attempts?: number; overlap_slot?: number } = {},
): Promise<string> {
  const id = randomUUID();
  await plantRun(store.db, {
    id,
    uid,
    status: 'running',
    owner,
    attempt: 1,
    effective_due_at: new Date(t0 - 50_000),
    ...run,
  });
  return id;
}

describe('taking orphans', () => {
  test('takes the runs of replicas whose lease is over or gone, and of no other', async () => {
    const [alive, over, gone] = [randomUUID(), randomUUID(), randomUUID()];
    await renew(alive, 60_000);
    await renew(over, -1);
    const kept = await stuckRun(alive);
    const taken = [await stuckRun(over), await stuckRun(gone)];
    const completed = randomUUID();
    await plantRun(store.db, { id: completed, uid, status: 'succeeded', owner: gone, attempt: 1 });
    const rescued = await rescueRunsOfDead(store.database, 10, await databaseNow());
    expect(rescued.map(({ runId }) => runId).sort()).toEqual(taken.sort());
    expect(rescued.map(({ owner }) => owner).sort()).toEqual([over, gone].sort());
    expect((await readRun(store.db, kept)).status).toBe('running');
    expect((await readRun(store.db, completed)).status).toBe('succeeded');
    expect(await rescueRunsOfDead(store.database, 10, await databaseNow())).toEqual([]);
  });

  test('makes the next attempt due at once where one is left, in the same overlap_slot and with its head start', async () => {
    const owner = randomUUID();
    const id = await stuckRun(owner, { attempt: 2, max_attempts: 3, overlap_slot: 0 });
    const before = await databaseNow();
    expect(await rescueRunsOfDead(store.database, 10, await databaseNow())).toEqual([
      { runId: id, namespace: 'default', taskId: 'orphaned', owner, attempt: 2, status: 'retrying' },
    ]);
    const run = await readRun(store.db, id);
    expect(run).toMatchObject({
      status: 'retrying',
      overlap_slot: 0,
      attempt: 2,
      finished_at: null,
      error_kind: 'lost',
      reason: `replica ${owner} stopped renewing its lease`,
      attempts: [{ attempt: 2, status: 'lost', startedAt: '2031-03-04T05:06:07.000Z', httpStatus: null }],
    });
    expect(run.due_at.getTime()).toBeGreaterThanOrEqual(Math.floor(before));
    expect(run.due_at.getTime() - run.effective_due_at.getTime()).toBe(50_000);
  });

  test('gives a run without an attempt left up for lost, and its overlap_slot with it', async () => {
    const id = await stuckRun(randomUUID(), { attempt: 2, max_attempts: 2, overlap_slot: 0 });
    expect(await rescueRunsOfDead(store.database, 10, await databaseNow())).toMatchObject([
      { runId: id, status: 'lost' },
    ]);
    const run = await readRun(store.db, id);
    expect(run).toMatchObject({
      status: 'lost',
      overlap_slot: null,
      error_kind: 'lost',
      attempts: [{ attempt: 2, status: 'lost' }],
    });
    expect(run.finished_at).not.toBeNull();
  });

  test('does not repeat a run whose cancelling was asked for', async () => {
    const id = await stuckRun(randomUUID(), { attempt: 1, max_attempts: 3 });
    await store.db.query(`update runs set cancel_requested = true, reason = 'enough' where id = $1`, [id]);
    expect(await rescueRunsOfDead(store.database, 10, await databaseNow())).toMatchObject([
      { runId: id, status: 'cancelled' },
    ]);
    expect(await readRun(store.db, id)).toMatchObject({ status: 'cancelled', reason: 'enough' });
  });

  test('takes no more than it was asked for', async () => {
    for (let place = 0; place < 5; place++) await stuckRun(randomUUID());
    expect([
      (await rescueRunsOfDead(store.database, 3, await databaseNow())).length,
      (await rescueRunsOfDead(store.database, 3, await databaseNow())).length,
    ]).toEqual([3, 2]);
  });

  test.skipIf(noPostgres)('from several replicas at once takes every run once', async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, () => stuckRun(randomUUID(), { max_attempts: 9 })));
    const now = await databaseNow();
    const answers = await Promise.all(Array.from({ length: 8 }, () => rescueRunsOfDead(store.database, 20, now)));
    const more = await rescueRunsOfDead(store.database, 1_000, now);
    const taken = [...answers.flat(), ...more].map(({ runId }) => runId);
    expect(taken.sort()).toEqual(ids.sort());
    const { rows } = await store.db.query('select from runs where jsonb_array_length(attempts) <> 1');
    expect(rows).toEqual([]);
  });
});

describe('a lease', () => {
  test('counts by the clock of who asks: when the database jumps, nobody dies of it', async () => {
    const owner = randomUUID();
    await renew(owner, 10_000);
    await stuckRun(owner);
    const now = await databaseNow();
    expect(await rescueRunsOfDead(store.database, 10, now + 9_000)).toEqual([]);
    expect(await rescueRunsOfDead(store.database, 10, now + 11_000)).toHaveLength(1);
  });

  test('from before the clock went back is over, however long it seems to last', async () => {
    const owner = randomUUID();
    await renew(owner, 10_000);
    await stuckRun(owner);
    const now = await databaseNow();
    expect(await rescueRunsOfDead(store.database, 10, now - 55_000)).toEqual([]);
    expect(await rescueRunsOfDead(store.database, 10, now - 3_600_000)).toHaveLength(1);
  });
});

test('a run whose target answered 202 is no orphan: it ends by its own deadline', async () => {
  const [dead, alive] = [randomUUID(), randomUUID()];
  await renew(alive, 60_000);
  for (const owner of [dead, alive]) await stuckRun(owner);
  await store.db.query('update runs set heartbeat_due = now()');
  expect(await rescueRunsOfDead(store.database, 10, await databaseNow())).toEqual([]);
  expect(await attemptsOf(store.db, alive)).toEqual([]);
});

describe('strays', () => {
  test('are taken by run, owner and attempt, with the ends of orphans', async () => {
    const [us, others] = [randomUUID(), randomUUID()];
    const again = await stuckRun(us, { attempt: 2, max_attempts: 3 });
    const last = await stuckRun(us, { attempt: 3, max_attempts: 3, overlap_slot: 0 });
    const cancelled = await stuckRun(us, { max_attempts: 3 });
    await store.db.query('update runs set cancel_requested = true where id = $1', [cancelled]);
    const untouched = [await stuckRun(us), await stuckRun(others), await stuckRun(us, { attempt: 2 })];
    const held = await attemptsOf(store.db, us);
    expect(new Set(held.map(({ runId }) => runId))).toEqual(
      new Set([again, last, cancelled, untouched[0], untouched[2]]),
    );

    const stuckRuns = [again, last, cancelled, untouched[1], untouched[2]].map((runId) => ({
      runId: runId as string,
      attempt: held.find((each) => each.runId === runId && runId !== untouched[2])?.attempt ?? 1,
    }));
    const now = Math.floor(await databaseNow());
    const taken = await rescueStuckRuns(store.database, us, stuckRuns, now);
    expect(new Map(taken.map(({ runId, status }) => [runId, status]))).toEqual(
      new Map([
        [again, 'retrying'],
        [last, 'lost'],
        [cancelled, 'cancelled'],
      ]),
    );
    const run = await readRun(store.db, again);
    expect(run).toMatchObject({
      status: 'retrying',
      attempt: 2,
      error_kind: 'lost',
      reason: `replica ${us} was not told that it had taken the run`,
      attempts: [{ attempt: 2, status: 'lost' }],
    });
    expect(run.due_at.getTime()).toBe(now);
    expect(await readRun(store.db, last)).toMatchObject({ overlap_slot: null, finished_at: new Date(now) });
    for (const id of untouched) expect((await readRun(store.db, id)).status).toBe('running');
  });
});
