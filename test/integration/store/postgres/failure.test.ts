import { eq } from 'drizzle-orm';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../../../src/store/postgres/database.ts';
import { isBadData, isUnavailable, violatedConstraint } from '../../../../src/store/postgres/failure.ts';
import { runs, tasks } from '../../../../src/store/schema.ts';
import { createPostgres, noOwnPostgres } from '../../../services/postgres.ts';
import { noPostgres } from '../../../services/provided.ts';
import { createProxy } from '../../../services/proxy.ts';
import { makeTask, openPool, openStore, type Store, waitForBlocked } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  const [result] = await Promise.allSettled([work]);
  if (result.status === 'fulfilled') throw new Error('it did not fail');
  return result.reason;
}

const pidOf = async ({ pool }: Database) => {
  const client = await pool.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return { client, pid: rows[0]?.pid as number };
};

describe.skipIf(noPostgres)('the store counts as unavailable', () => {
  test.skipIf(noOwnPostgres)('when the server is stopped, for statements under way and for new ones', async () => {
    const server = await createPostgres();
    const database = openPool(server.url);
    const { client } = await pidOf(database);
    const underWay = failureOf(client.query('select pg_sleep(30)'));
    await server.crash();
    expect(isUnavailable(await underWay)).toBe(true);
    expect(isUnavailable(await failureOf(client.query('select 1')))).toBe(true);
    client.release(true);
    expect(isUnavailable(await failureOf(database.pool.query('select 1')))).toBe(true);
    expect(isUnavailable(await failureOf(database.orm.select().from(runs)))).toBe(true);
    await server.start();
    await database.pool.query('select 1');
  });

  test('when the session is terminated', async () => {
    const { client, pid } = await pidOf(store.database);
    const underWay = failureOf(client.query('select pg_sleep(30)'));
    await store.db.query('select pg_terminate_backend($1)', [pid]);
    const error = await underWay;
    expect(isUnavailable(error)).toBe(true);
    expect(isUnavailable(await failureOf(client.query('select 1')))).toBe(true);
    client.release(true);
  });

  test('when a statement takes too long, or waits too long for a lock', async () => {
    const hasty = openPool(store.url, 'tests', 50);
    const slow = await failureOf(hasty.pool.query('select pg_sleep(30)'));
    expect(slow).toMatchObject({ code: expect.stringMatching(/57014|55P03/) });
    expect(isUnavailable(slow)).toBe(true);
    const holder = await store.database.pool.connect();
    await holder.query('begin');
    await holder.query('lock table idempotency_keys');
    const blocked = await failureOf(hasty.pool.query('select * from idempotency_keys'));
    expect(isUnavailable(blocked)).toBe(true);
    await holder.query('rollback');
    holder.release();
  });

  test('when two transactions wait for each other', async () => {
    await makeTask(store.db, 'deadlock-1');
    await makeTask(store.db, 'deadlock-2');
    const clients = [await store.database.pool.connect(), await store.database.pool.connect()] as const;
    const touch = (who: 0 | 1, id: string) =>
      clients[who].query('update tasks set version = version where id = $1', [id]);
    for (const client of clients) await client.query('begin');
    await touch(0, 'deadlock-1');
    await touch(1, 'deadlock-2');
    const first = touch(0, 'deadlock-2');
    await waitForBlocked(store.db, 1);
    const results = await Promise.allSettled([first, touch(1, 'deadlock-1')]);
    const [refused] = results.filter((result) => result.status === 'rejected');
    expect(refused?.reason).toMatchObject({ code: '40P01' });
    expect(isUnavailable(refused?.reason)).toBe(true);
    for (const client of clients) {
      await client.query('rollback');
      client.release();
    }
  });

  test('when it does not answer at all: neither a statement nor a new connection', async () => {
    const proxy = await createProxy(store.url);
    const database = openPool(proxy.url, 'tests', 1_000);
    await database.pool.query('select 1');
    proxy.pause();
    expect(isUnavailable(await failureOf(database.pool.query('select 1')))).toBe(true);
    const fresh = openPool(proxy.url, 'tests', 1_000);
    expect(isUnavailable(await failureOf(fresh.pool.query('select 1')))).toBe(true);
    expect(isUnavailable(await failureOf(fresh.orm.select().from(runs)))).toBe(true);
    await proxy.cut();
    expect(isUnavailable(await failureOf(database.pool.query('select 1')))).toBe(true);
  });

  test('when every connection of the pool is in use for too long', async () => {
    const crowded = openPool(store.url, 'tests', 1_000);
    const clients = await Promise.all(Array.from({ length: 12 }, () => crowded.pool.connect()));
    expect(isUnavailable(await failureOf(crowded.pool.query('select 1')))).toBe(true);
    for (const client of clients) client.release();
  });

  test('when its pool is closed', async () => {
    const { pool } = openPool(store.url);
    await pool.query('select 1');
    const ending = pool.end();
    expect(isUnavailable(await failureOf(pool.query('select 1')))).toBe(true);
    await ending;
  });
});

describe('the store does not count as unavailable', () => {
  const faults = {
    'a syntax error': 'selec 1',
    'a missing table': 'select * from nowhere_timeout',
    'a broken constraint': `insert into tasks select (t).* from (select t from tasks t limit 1) x`,
    'a value out of range': 'select 1 / 0',
    'a step that is not allowed': `update runs set status = 'running'`,
  };
  test.each(Object.entries(faults))('because of %s', async (_, text) => {
    await makeTask(store.db, 'there').catch(() => {});
    await store.db.query(
      `insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, attempt, max_attempts, created_at)
       values (gen_random_uuid(), 1, 'manual', 'lost', now(), now(), now(), 1, 1, now())`,
    );
    expect(isUnavailable(await failureOf(store.db.query(text)))).toBe(false);
  });

  test('because a statement, or a parameter in it, has a word such as timeout', async () => {
    const byWord = store.database.orm.select().from(tasks).where(eq(tasks.id, 'timeout \0'));
    const error = await failureOf(byWord);
    expect([isUnavailable(error), isBadData(error)]).toEqual([false, true]);
  });

  test('because of what is no error of the store', () => {
    for (const other of [
      new Error('no'),
      new TypeError('x is not a function'),
      'timeout',
      null,
      undefined,
      { code: '57014' },
    ])
      expect(isUnavailable(other)).toBe(false);
  });
});

test('the constraint that refused a row is told by its name, also through drizzle', async () => {
  await makeTask(store.db, 'unique').catch(() => {});
  const copy = `insert into tasks (id, name, labels, schedule, target, timeout_ms, retry, overlap, misfire, priority, status, active_from, created_at, updated_at)
    select id, name, labels, schedule, target, timeout_ms, retry, overlap, misfire, priority, status, active_from, created_at, updated_at
    from tasks where id = 'unique'`;
  expect(violatedConstraint(await failureOf(store.db.query(copy)))).toBe('tasks_id');
  expect(violatedConstraint(await failureOf(store.database.orm.execute(copy)))).toBe('tasks_id');
  expect(violatedConstraint(await failureOf(store.db.query('selec 1')))).toBeNull();
});
