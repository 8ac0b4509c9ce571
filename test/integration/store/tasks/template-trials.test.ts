import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { beginTrials, endTrials } from '../../../../src/store/tasks/template-trials.ts';
import { noPostgres } from '../../../services/provided.ts';
import { makeTask, openStore, type Store } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const tasks = (...ids: string[]) => ids.map((id) => ({ namespace: 'default', id }));
const age = () => store.db.query(`update template_trials set at = at - interval '1 minute'`);
const died = async (id: string, process = randomUUID()) =>
  (await beginTrials(store.db, tasks(id), process, -1))[0]?.died;

test.skipIf(noPostgres)('a template that was filled in takes what other processes left of it along', async () => {
  await makeTask(store.db, 'healthy');
  for (const process of [randomUUID(), randomUUID()]) await beginTrials(store.db, tasks('healthy'), process, 9);
  await age();
  expect(await died('healthy')).toBe(2);
  const process = randomUUID();
  await beginTrials(store.db, tasks('healthy'), process, 9);
  await endTrials(store.db, tasks('healthy'), process);
  expect(await died('healthy')).toBe(0);
});

test.skipIf(noPostgres)('but not what they left of another definition, nor of another task', async () => {
  for (const id of ['changed', 'other']) await makeTask(store.db, id);
  const process = randomUUID();
  await beginTrials(store.db, tasks('changed', 'other'), process, 9);
  await store.db.query(`update tasks set schedule_version = schedule_version + 1 where id = 'changed'`);
  for (const id of ['changed', 'other']) await beginTrials(store.db, tasks(id), randomUUID(), 9);
  await age();
  await endTrials(store.db, tasks('changed'), process);
  expect(await died('changed')).toBe(1);
  expect(await died('other')).toBe(2);
});
