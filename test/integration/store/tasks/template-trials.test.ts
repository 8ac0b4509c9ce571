import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { defaultNamespace } from '../../../../src/domain/access/namespace.ts';
import { beginTrials, endTrials } from '../../../../src/store/tasks/template-trials.ts';
import { noPostgres } from '../../../services/provided.ts';
import { makeTask, openStore, type Store } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const age = () => store.db.query(`update template_trials set at = at - interval '1 minute'`);
const died = async (id: string, process = randomUUID()) =>
  (await beginTrials(store.db, defaultNamespace, [id], process, -1)).get(id) as number;

test.skipIf(noPostgres)('a template that was filled in takes what other processes left of it along', async () => {
  await makeTask(store.db, 'healthy');
  for (const process of [randomUUID(), randomUUID()])
    await beginTrials(store.db, defaultNamespace, ['healthy'], process, 9);
  await age();
  expect(await died('healthy')).toBe(2);
  const process = randomUUID();
  await beginTrials(store.db, defaultNamespace, ['healthy'], process, 9);
  await endTrials(store.db, defaultNamespace, ['healthy'], process);
  expect(await died('healthy')).toBe(0);
});

test.skipIf(noPostgres)('but not what they left of another definition, nor of another task', async () => {
  for (const id of ['changed', 'other']) await makeTask(store.db, id);
  const process = randomUUID();
  await beginTrials(store.db, defaultNamespace, ['changed', 'other'], process, 9);
  await store.db.query(`update tasks set schedule_version = schedule_version + 1 where id = 'changed'`);
  for (const id of ['changed', 'other']) await beginTrials(store.db, defaultNamespace, [id], randomUUID(), 9);
  await age();
  await endTrials(store.db, defaultNamespace, ['changed'], process);
  expect(await died('changed')).toBe(1);
  expect(await died('other')).toBe(2);
});
