import { expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { listTasks, type TaskFilter } from '../../../../src/store/tasks/pages.ts';
import { makeTasks, openStore, plantRun, runIds, t0 } from '../store.ts';

const store = await openStore();
const tasks = await makeTasks(store.db, ['many', 'none', 'some', 'some-more'], { labels: { kind: 'shown' } });
const [many, , some] = tasks.map(({ uid }) => uid) as [number, number, number, number];
for (let n = 0; n < 30; n++) {
  const at = t0 + n * 1_000;
  await plantRun(store.db, { id: runIds.of(many, at), uid: many, status: n % 3 === 0 ? 'failed' : 'succeeded', at });
}
await plantRun(store.db, { id: runIds.of(some, t0), uid: some, status: 'running', at: t0, overlap_slot: 0 });

const everything: TaskFilter = {
  ...{ namespace: defaultNamespace, statuses: [], labels: [], q: null, after: null, limit: 10 },
  withStrip: true,
};
const stripsOf = async (filter: Partial<TaskFilter>) =>
  (await listTasks(store.db, { ...everything, ...filter })).items.map(({ id, strip }) => [id, strip?.length]);

test('a page of tasks has the last 20 runs of each, newest first', async () => {
  const { items } = await listTasks(store.db, everything);
  expect(items.map(({ id }) => id)).toEqual(['many', 'none', 'some', 'some-more']);
  expect(items[0]?.strip).toEqual(
    Array.from({ length: 20 }, (_, n) => {
      const at = t0 + (29 - n) * 1_000;
      return { id: runIds.of(many, at), status: (29 - n) % 3 === 0 ? 'failed' : 'succeeded', scheduledFor: at };
    }),
  );
  expect(items[1]?.strip).toEqual([]);
  expect(items[2]?.strip).toEqual([{ id: runIds.of(some, t0), status: 'running', scheduledFor: t0 }]);
  for (const { strip, lastRun } of items) expect(strip?.[0]?.id).toBe(lastRun?.id);
});

test('strips come with every filter and on every page', async () => {
  expect(await stripsOf({ q: 'some' })).toEqual([
    ['some', 1],
    ['some-more', 0],
  ]);
  expect(await stripsOf({ labels: [['kind', 'shown']], after: 'many', limit: 2 })).toEqual([
    ['none', 0],
    ['some', 1],
  ]);
  expect(await stripsOf({ withStrip: false, limit: 1 })).toEqual([['many', undefined]]);
});
