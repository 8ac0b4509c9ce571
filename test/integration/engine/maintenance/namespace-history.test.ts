import { beforeAll, expect, test } from 'vitest';
import { leastRunId } from '../../../../src/domain/schedule/occurrence.ts';
import { createNamespaceCleaner } from '../../../../src/engine/maintenance/namespace-history.ts';
import type { Task } from '../../../../src/store/tasks/row.ts';
import { insertTasks } from '../../../../src/store/tasks/tasks.ts';
import { author, countAll, define, makeTask, openStore, plantRun, runsOf, type Store, t0 } from '../../store/store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
  await countAll(store.db);
  await store.db.query(`insert into namespaces (id, quotas, created_at, updated_at)
    values ('short', '{"historyRetention": "1h"}', now(), now())`);
});

const minute = 60_000;

/** Runs of the task that ended so many minutes before `t0`, begun a minute earlier. */
async function plant({ uid }: Task, ...minutesAgo: number[]): Promise<void> {
  for (const minutes of minutesAgo) {
    const at = t0 - (minutes + 1) * minute;
    const finished_at = new Date(t0 - minutes * minute);
    await plantRun(store.db, { id: leastRunId(at), uid, status: 'succeeded', at, finished_at });
  }
}

test('old runs of a namespace go by its own retention, but for the newest of each task; no other run is touched', async () => {
  const item = { namespace: 'short', activeFrom: t0, author };
  const given = ['busy', 'rare', 'gone'].map((id) => ({ ...item, id, definition: define(id) }));
  const [busy, rare, gone] = (await insertTasks(store.db, given, t0)) as [Task, Task, Task];
  await store.db.query('update tasks set deleted_at = now() where uid = $1', [gone.uid]);
  const other = await makeTask(store.db, 'other');
  await plant(busy, 300, 200, 90, 70, 50, 10);
  await plant(rare, 250);
  await plant(gone, 310, 210, 20);
  await plant(other, 320, 220, 30);
  const waiting = { id: leastRunId(t0 - 400 * minute), uid: busy.uid, status: 'pending' as const };
  await plantRun(store.db, { ...waiting, at: t0 - 400 * minute });

  // Batches of two take several steps.
  const clean = createNamespaceCleaner(store.db, { now: () => t0 }, 2);
  for (let steps = 0; await clean(); steps++) expect(steps).toBeLessThan(20);
  const left = async ({ uid }: Task) => (await runsOf(store.db, uid)).length;
  expect((await runsOf(store.db, busy.uid)).map(({ status }) => status)).toEqual(['pending', 'succeeded', 'succeeded']);
  expect(await Promise.all([rare, gone, other].map(left))).toEqual([1, 1, 3]);
  // Another pass finds nothing.
  for (let steps = 0; await clean(); steps++) expect(steps).toBeLessThan(20);
  expect(await left(busy)).toBe(3);
});
