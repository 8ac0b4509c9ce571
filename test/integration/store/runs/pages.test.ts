import { beforeAll, describe, expect, test } from 'vitest';
import { leastRunId } from '../../../../src/domain/schedule/occurrence.ts';
import { listRuns, type RunFilter } from '../../../../src/store/runs/pages.ts';
import { makeTasks, openStore, type Store, t0 } from '../store.ts';

const crowd = 30_000;
const all: Omit<RunFilter, 'namespace'> = {
  ...{ taskId: null, statuses: [], triggers: [], from: null, to: null, before: null },
  limit: 51,
};

let store: Store;
beforeAll(async () => {
  store = await openStore();
  await plant('default', 3, 60, 0);
  await plant('few', 3, 60, 0);
  // Newer than all of the others.
  await plant('crowd', 100, crowd, 1_000);
  await store.db.query('analyze');
});

/** Tasks of a namespace, and runs of them a second apart; every third failed, every fifth was triggered. */
async function plant(namespace: string, tasks: number, runs: number, from: number): Promise<void> {
  const made = await makeTasks(
    store.db,
    Array.from({ length: tasks }, (_, n) => `${namespace}-${n}`),
  );
  const uids = made.map(({ uid }) => uid);
  await store.db.query('update tasks set namespace = $1 where uid = any($2)', [namespace, uids]);
  // One of them is deleted.
  await store.db.query('update tasks set deleted_at = now() where uid = $1', [uids[0]]);
  const rest = leastRunId(0).slice(13, 24) + String(uids[0]).padStart(12, '0');
  await store.db.query(
    `insert into runs (id, namespace, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, attempt,
      max_attempts, created_at, finished_at)
    select (left(h, 8) || '-' || right(h, 4)  || $6)::uuid, $1, ($2::bigint[])[1 + n % $3],
      (case when n % 5 = 0 then 'manual' else 'schedule' end)::run_trigger,
      (case when n % 3 = 0 then 'failed' else 'succeeded' end)::run_status, at, at, at, 1, 1, at, at
    from generate_series(0, $4::integer - 1) n,
      lateral (select $5::bigint + 1000 * n + $3 as ms) m,
      lateral (select to_timestamp(ms / 1000.0) as at, lpad(to_hex(ms), 12, '0') as h) x`,
    [namespace, uids, tasks, runs, t0 + from * 1_000, rest],
  );
}

const list = (filter: Partial<RunFilter> & { namespace: string }) =>
  listRuns(store.database, { ...all, ...filter }).then((runs) =>
    runs.map((run) => ({ namespace: run.namespace, second: Math.floor((run.scheduledFor.getTime() - t0) / 1_000) })),
  );

describe.each(['default', 'few'])('the runs of the namespace %s, crowded out by those of another,', (namespace) => {
  const expected = (holds: (n: number) => boolean) =>
    Array.from({ length: 60 }, (_, n) => 59 - n)
      .filter(holds)
      .map((second) => ({ namespace, second }));

  test.each<[string, Partial<RunFilter>, (n: number) => boolean]>([
    ['all of them', {}, () => true],
    ['the failed', { statuses: ['failed'] }, (n) => n % 3 === 0],
    ['the failed and the succeeded', { statuses: ['failed', 'succeeded'] }, () => true],
    ['the triggered', { triggers: ['manual'] }, (n) => n % 5 === 0],
    [
      'those that were scheduled and failed',
      { statuses: ['failed'], triggers: ['schedule'] },
      (n) => (n % 15) % 3 === 0 && n % 5 !== 0,
    ],
    ['those since an instant', { from: t0 + 40_000 }, (n) => n >= 40],
    ['the cancelled, of which there are none', { statuses: ['cancelled'] }, () => false],
  ])('are found: %s', async (_, filter, holds) => {
    const whole = expected(holds);
    expect(await list({ namespace, ...filter, limit: 100 })).toEqual(whole);
    expect(await list({ namespace, ...filter, limit: 7 })).toEqual(whole.slice(0, 7));
  });
});

test('the runs of the namespace that has nearly all of them are found too', async () => {
  const newest = await list({ namespace: 'crowd', limit: 3 });
  expect(newest).toEqual([1, 2, 3].map((n) => ({ namespace: 'crowd', second: 1_000 + crowd - n })));
  expect(await list({ namespace: 'crowd', statuses: ['failed'], limit: 3 })).toHaveLength(3);
  expect(await list({ namespace: 'nowhere' })).toEqual([]);
});
