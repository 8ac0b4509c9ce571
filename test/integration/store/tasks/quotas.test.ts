import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listNamespaces } from '../../../../src/store/access/namespaces.ts';
import { admitSecret } from '../../../../src/store/access/quotas.ts';
import { inTransaction } from '../../../../src/store/postgres/database.ts';
import { createTaskInserts, insertMany } from '../../../../src/store/tasks/inserts.ts';
import { forgetCreations, insertWithinQuotas, type Stored } from '../../../../src/store/tasks/quotas.ts';
import type { NewTask } from '../../../../src/store/tasks/tasks.ts';
import { deleteTask } from '../../../../src/store/tasks/tasks.ts';
import { noPostgres } from '../../../services/provided.ts';
import { author, define, openPool, openStore, type Store, t0, waitForBlocked } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});
beforeEach(() => store.db.query('truncate tasks, events, creations, secrets'));

/** Sets the quotas of the namespace `default`. */
const setQuotas = (quotas: object) =>
  store.db.query(`update namespaces set quotas = $1 where id = 'default'`, [quotas]);
const item = (id: string): NewTask => ({
  ...{ namespace: 'default', id, activeFrom: t0, author },
  definition: define(id),
});
const items = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, place) => item(`${prefix}-${place}`));
const shown = (stored: Stored) => (stored === null ? 'taken' : 'uid' in stored ? stored.id : stored);
const create = async (...ids: string[]) => (await insertMany(store.database, ids.map(item), t0)).map(shown);
const tasks = async () => (await store.db.query('select id from tasks where deleted_at is null')).rows.length;

describe('quotas for creations', () => {
  test('let through what there is room for, each task on its own', async () => {
    await setQuotas({ tasks: 3 });
    expect(await create('a', 'b')).toEqual(['a', 'b']);
    const excess = { quota: 'tasks', limit: 3, used: 3, afterMs: null };
    expect(await create('a', 'c', 'c', 'd')).toEqual(['taken', 'c', 'taken', excess]);
    await deleteTask(store.db, 'default', 'a', null, author, t0);
    expect(await create('d', 'e')).toEqual(['d', excess]);
    await setQuotas({});
    expect(await create('e')).toEqual(['e']);
  });

  test('of a minute count creations by the clock of the database, and tell when there is room again', async () => {
    await setQuotas({ createsPerMinute: 3 });
    expect(await create('a', 'b')).toEqual(['a', 'b']);
    await store.db.query(`update creations set at = at - interval '50 seconds'`);
    const [third, fourth] = await create('c', 'd');
    expect(third).toBe('c');
    expect(fourth).toMatchObject({ quota: 'createsPerMinute', limit: 3, used: 3 });
    const { afterMs } = fourth as { afterMs: number };
    expect(afterMs).toBeGreaterThan(5_000);
    expect(afterMs).toBeLessThanOrEqual(10_000);
    const page = await listNamespaces(store.db, { ids: ['default'], after: null, limit: 1 });
    expect(page.items[0]?.usage).toMatchObject({ createsPerMinute: 3, tasks: 3 });
    // A minute later the two do not count any more, the third does.
    await store.db.query(`update creations set at = at - interval '15 seconds'`);
    expect(await create('d', 'e', 'f')).toMatchObject(['d', 'e', { used: 3 }]);
    await setQuotas({ createsPerMinute: 0 });
    expect(await create('g')).toMatchObject([{ limit: 0, afterMs: null }]);
    await store.db.query(`update creations set at = at - interval '1 hour'`);
    await forgetCreations(store.db);
    expect((await store.db.query('select from creations')).rows).toEqual([]);
  });

  test.skipIf(noPostgres)('hold exactly when two replicas create at the same moment', async () => {
    await setQuotas({ tasks: 25 });
    const other = openPool(store.url);
    const [one, two] = [createTaskInserts(store.database), createTaskInserts(other)];
    const given = items('race', 40);
    const answers = await Promise.all([
      ...given.map((each) => one(each, t0)),
      ...given.map((each) => two({ ...each, id: `two-${each.id}` }, t0)),
      insertMany(other, items('batch', 20), t0),
    ]);
    const outcomes = answers.flat().map(shown);
    expect(outcomes.filter((each) => typeof each === 'string')).toHaveLength(25);
    expect(outcomes.filter((each) => typeof each !== 'string')).toHaveLength(75);
    expect(await tasks()).toBe(25);
  });

  test.skipIf(noPostgres)('make a creation wait for one that is under way', async () => {
    await setQuotas({ tasks: 1 });
    let isAnswered = false;
    let second: Promise<void> | null = null;
    await inTransaction(store.database, async (db) => {
      expect((await insertWithinQuotas(db, 'default', [item('first')], t0)).map(shown)).toEqual(['first']);
      second = create('second').then((answer) => {
        isAnswered = true;
        expect(answer).toMatchObject([{ quota: 'tasks', used: 1 }]);
      });
      await waitForBlocked(store.db, 1);
      expect(isAnswered).toBe(false);
    });
    await second;
    expect(await tasks()).toBe(1);
  });

  test.skipIf(noPostgres)('of a minute hold exactly then, too', async () => {
    await setQuotas({ createsPerMinute: 10 });
    const inserts = [createTaskInserts(store.database), createTaskInserts(openPool(store.url))];
    const answers = await Promise.all(
      inserts.flatMap((insert, replica) => items(`minute-${replica}`, 30).map((each) => insert(each, t0))),
    );
    expect(answers.map(shown).filter((each) => typeof each === 'string')).toHaveLength(10);
    expect(await tasks()).toBe(10);
  });

  test('cost a namespace without them no statement and no lock', async () => {
    await setQuotas({ concurrentRuns: 5, minInterval: '1m' });
    let statements = 0;
    const query = ((...given: Parameters<Store['db']['query']>) => {
      statements++;
      return store.db.query(...given);
    }) as Store['db']['query'];
    const insert = createTaskInserts({ ...store.database, pool: { ...store.database.pool, query } });
    await insert(item('plain'), t0);
    expect(statements).toBe(1);
  });
});

test('a quota of secrets counts under a lock, and lets a secret be written again', async () => {
  await setQuotas({ secrets: 1 });
  const write = (name: string) =>
    inTransaction(store.database, async (db) => {
      const excess = await admitSecret(db, 'default', name);
      if (excess === null)
        await db.query(
          `insert into secrets (namespace, name, version, value, data_key, wrapped_by, created_at, updated_at)
           values ('default', $1, 1, '', '', '', now(), now()) on conflict do nothing`,
          [name],
        );
      return excess;
    });
  const outcomes = await Promise.all(['a', 'b', 'c'].map(write));
  expect(outcomes.filter((excess) => excess === null)).toHaveLength(1);
  expect(outcomes.find((excess) => excess !== null)).toEqual({ quota: 'secrets', limit: 1, used: 1, afterMs: null });
  const name = ['a', 'b', 'c'][outcomes.indexOf(null)] as string;
  expect(await write(name)).toBeNull();
});
