import { beforeAll, expect, test } from 'vitest';
import { inTransaction } from '../../../../src/store/postgres/database.ts';
import { findSecret, writeSecret } from '../../../../src/store/secrets/secrets.ts';
import { holdSecrets } from '../../../../src/store/secrets/uses.ts';
import { openStore, type Store, t0 } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const sealed = { value: Buffer.from('value'), dataKey: Buffer.from('key'), wrappedBy: '0123456789abcdef' };
const write = (namespace: string, version = 1) =>
  writeSecret(store.db, { place: { namespace, name: 'TOKEN', version }, sealed, description: null }, t0);

test('a namespace that is being deleted takes no secret any more, nor one that does not exist', async () => {
  await store.db.query(`
    insert into namespaces (id, created_at, updated_at, closing) values ('open', now(), now(), false), ('closing', now(), now(), true)`);
  expect(await write('open')).toMatchObject({ name: 'TOKEN', version: 1 });
  expect(await write('closing')).toBeNull();
  expect(await write('missing')).toBeNull();
  const { rows } = await store.db.query('select namespace from secrets');
  expect(rows).toEqual([{ namespace: 'open' }]);
});

test('a value is written over the version before it only', async () => {
  expect(await write('default')).toMatchObject({ version: 1 });
  expect(await write('default')).toBeNull();
  expect(await write('default', 3)).toBeNull();
  expect(await write('default', 2)).toMatchObject({ version: 2 });
});

test('a secret that a task is being written with cannot be deleted meanwhile', async () => {
  await store.db.query(`insert into namespaces (id, created_at, updated_at) values ('held', now(), now())`);
  await write('held');
  await inTransaction(store.database, async (db) => {
    expect(await holdSecrets(db, 'held', ['TOKEN', 'MISSING'])).toEqual(['MISSING']);
    const deleting = inTransaction(store.database, async (other) => {
      await other.query(`set local lock_timeout = '100ms'`);
      await findSecret(other, 'held', 'TOKEN', true);
    });
    await expect(deleting).rejects.toThrow('lock timeout');
  });
  expect(await findSecret(store.db, 'held', 'TOKEN', true)).not.toBeNull();
});
