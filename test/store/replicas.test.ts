import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  endReplicas,
  forgetDeadReplicas,
  giveUpLease,
  listReplicas,
  renewLease,
  takeOrphans,
} from '../../src/store/replicas.ts';
import { noPostgres } from '../services/provided.ts';
import { makeTask, openStore, plantRun, readRun, type Store, t0 } from './store.ts';

let store: Store;
let uid: number;
beforeAll(async () => {
  store = await openStore();
  uid = (await makeTask(store.db, 'orphaned', { overlap: 'allow' })).uid;
});
beforeEach(() => store.db.query('truncate runs, replicas'));

const state = { version: '1', host: 'here', pid: 1, running: 0, tasksLoaded: 0, duties: [] };
const renew = (id: string, ttlMs: number) => renewLease(store.db, { ...state, id }, ttlMs);
const databaseNow = async () => {
  const { rows } = await store.db.query<{ now: number }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as now',
  );
  return rows[0]?.now as number;
};

async function orphan(
  owner: string,
  run: { attempt?: number; max_attempts?: number; lane?: number } = {},
): Promise<string> {
  const id = randomUUID();
  await plantRun(store.db, { id, uid, status: 'running', owner, attempt: 1, rank: new Date(t0 - 50_000), ...run });
  return id;
}

describe('a lease', () => {
  test('runs for its length from the moment the database wrote it, which is the answer', async () => {
    const id = randomUUID();
    const before = await databaseNow();
    const answered = await renew(id, 60_000);
    const after = await databaseNow();
    expect(answered).toBeGreaterThanOrEqual(before);
    expect(answered).toBeLessThanOrEqual(after);
    const { rows } = await store.db.query<{ until: number }>(
      'select extract(epoch from lease_until)::float8 * 1000 as until from replicas where id = $1',
      [id],
    );
    expect(rows[0]?.until).toBeGreaterThanOrEqual(Math.floor(before) + 60_000 - 1);
    expect(rows[0]?.until).toBeLessThanOrEqual(after + 60_000 + 1);
  });

  test('that is renewed keeps its start and shows what the replica does now', async () => {
    const id = randomUUID();
    await renew(id, 60_000);
    const [first] = await listReplicas(store.db);
    await renewLease(store.db, { ...state, id, running: 3, tasksLoaded: 9, duties: ['sweep'] }, 60_000);
    const [second] = await listReplicas(store.db);
    expect(second).toMatchObject({ id, startedAt: first?.startedAt, running: 3, tasksLoaded: 9, duties: ['sweep'] });
  });

  test('that is over, given up or ended makes its replica dead to the others', async () => {
    const [lives, over, givenUp] = [randomUUID(), randomUUID(), randomUUID()];
    await renew(lives, 60_000);
    await renew(over, -1);
    await renew(givenUp, 60_000);
    await giveUpLease(store.db, givenUp);
    expect((await listReplicas(store.db)).map(({ id }) => id)).toEqual([lives]);
    await endReplicas(store.db);
    expect(await listReplicas(store.db)).toEqual([]);
  });

  test('is forgotten an hour after its end, not before', async () => {
    const [longDead, justDead] = [randomUUID(), randomUUID()];
    await renew(longDead, -3_600_001);
    await renew(justDead, -3_500_000);
    await forgetDeadReplicas(store.db);
    const { rows } = await store.db.query<{ id: string }>('select id from replicas');
    expect(rows).toEqual([{ id: justDead }]);
  });
});

describe('taking orphans', () => {
  test('takes the runs of replicas whose lease is over or gone, and of no other', async () => {
    const [alive, over, gone] = [randomUUID(), randomUUID(), randomUUID()];
    await renew(alive, 60_000);
    await renew(over, -1);
    const kept = await orphan(alive);
    const taken = [await orphan(over), await orphan(gone)];
    const settled = randomUUID();
    await plantRun(store.db, { id: settled, uid, status: 'succeeded', owner: gone, attempt: 1 });
    const orphans = await takeOrphans(store.db, 10);
    expect(orphans.map(({ runId }) => runId).sort()).toEqual(taken.sort());
    expect(orphans.map(({ owner }) => owner).sort()).toEqual([over, gone].sort());
    expect((await readRun(store.db, kept)).status).toBe('running');
    expect((await readRun(store.db, settled)).status).toBe('succeeded');
    expect(await takeOrphans(store.db, 10)).toEqual([]);
  });

  test('makes the next attempt due at once where one is left, in the same lane and with its head start', async () => {
    const owner = randomUUID();
    const id = await orphan(owner, { attempt: 2, max_attempts: 3, lane: 0 });
    const before = await databaseNow();
    expect(await takeOrphans(store.db, 10)).toEqual([
      { runId: id, taskId: 'orphaned', owner, attempt: 2, status: 'retrying' },
    ]);
    const run = await readRun(store.db, id);
    expect(run).toMatchObject({
      status: 'retrying',
      lane: 0,
      attempt: 2,
      finished_at: null,
      error_kind: 'lost',
      reason: `replica ${owner} stopped renewing its lease`,
      attempts: [{ attempt: 2, status: 'lost', startedAt: '2031-03-04T05:06:07.000Z', httpStatus: null }],
    });
    expect(run.due_at.getTime()).toBeGreaterThanOrEqual(Math.floor(before));
    // Two readings of the database's clock, a moment apart.
    expect(Math.abs(run.due_at.getTime() - run.rank.getTime() - 50_000)).toBeLessThan(5);
  });

  test('gives a run without an attempt left up for lost, and its lane with it', async () => {
    const id = await orphan(randomUUID(), { attempt: 2, max_attempts: 2, lane: 0 });
    expect(await takeOrphans(store.db, 10)).toMatchObject([{ runId: id, status: 'lost' }]);
    const run = await readRun(store.db, id);
    expect(run).toMatchObject({
      status: 'lost',
      lane: null,
      error_kind: 'lost',
      attempts: [{ attempt: 2, status: 'lost' }],
    });
    expect(run.finished_at).not.toBeNull();
  });

  test('does not repeat a run whose cancelling was asked for', async () => {
    const id = await orphan(randomUUID(), { attempt: 1, max_attempts: 3 });
    await store.db.query(`update runs set cancel_requested = true, reason = 'enough' where id = $1`, [id]);
    expect(await takeOrphans(store.db, 10)).toMatchObject([{ runId: id, status: 'cancelled' }]);
    expect(await readRun(store.db, id)).toMatchObject({ status: 'cancelled', reason: 'enough' });
  });

  test('takes no more than it was asked for', async () => {
    for (let place = 0; place < 5; place++) await orphan(randomUUID());
    expect([(await takeOrphans(store.db, 3)).length, (await takeOrphans(store.db, 3)).length]).toEqual([3, 2]);
  });

  test.skipIf(noPostgres)('from several replicas at once takes every run once', async () => {
    const ids = await Promise.all(Array.from({ length: 60 }, () => orphan(randomUUID(), { max_attempts: 9 })));
    const answers = await Promise.all(Array.from({ length: 8 }, () => takeOrphans(store.db, 20)));
    const more = await takeOrphans(store.db, 1_000);
    const taken = [...answers.flat(), ...more].map(({ runId }) => runId);
    expect(taken.sort()).toEqual(ids.sort());
    const { rows } = await store.db.query('select from runs where jsonb_array_length(attempts) <> 1');
    expect(rows).toEqual([]);
  });
});
