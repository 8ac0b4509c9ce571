import { beforeAll, describe, expect, test } from 'vitest';
import { inTransaction, poolSettings } from '../../../../src/store/postgres/database.ts';
import { isUnavailable } from '../../../../src/store/postgres/failure.ts';
import { noPostgres } from '../../../services/provided.ts';
import { makeTask, openPool, openStore, type Store, waitForBlocked } from '../store.ts';

let store: Store;
beforeAll(async () => {
  store = await openStore();
});

const exists = async (id: string) => (await store.db.query('select from tasks where id = $1', [id])).rowCount === 1;

describe('a transaction', () => {
  test('is committed when its work is done, and gives back its result', async () => {
    const task = await inTransaction(store.database, (client) => makeTask(client, 'kept'));
    expect([task.id, await exists('kept')]).toEqual(['kept', true]);
  });

  test('is rolled back when its work throws, and its connection is used again', async () => {
    const failing = inTransaction(store.database, async (client) => {
      await makeTask(client, 'undone');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await exists('undone')).toBe(false);
    const { idle, total } = store.database.pool.counts();
    expect(idle).toBe(total);
  });

  test('is rolled back when a statement in it was refused, even if its work goes on', async () => {
    const failing = inTransaction(store.database, async (client) => {
      await makeTask(client, 'half');
      await client.query('selec 1').catch(() => {});
      await client.query('select 1');
    });
    await expect(failing).rejects.toMatchObject({ code: '25P02' });
    expect(await exists('half')).toBe(false);
  });
});

describe.skipIf(noPostgres)('a connection that is lost in a transaction', () => {
  test.each(['between two statements', 'within a statement'])(
    '%s fails that transaction and nothing else',
    async (when) => {
      const holder = await store.database.pool.connect();
      await holder.query('begin');
      await holder.query('lock table idempotency_keys');
      const lost = inTransaction(store.database, async (client) => {
        await makeTask(client, 'lost');
        const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
        const kill = () => store.db.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
        if (when === 'between two statements') {
          const closed = new Promise((resolve) => client.once('end', resolve));
          await kill();
          await closed;
          await client.query('select 1');
        } else {
          const underWay = client.query('select * from idempotency_keys');
          underWay.catch(() => {});
          await waitForBlocked(store.db, 1);
          await kill();
          await underWay;
        }
      });
      const error: unknown = await lost.catch((failure: unknown) => failure);
      expect(isUnavailable(error)).toBe(true);
      await holder.query('rollback');
      holder.release();
      expect(await exists('lost')).toBe(false);
      await inTransaction(store.database, (client) => client.query('select 1'));
    },
  );
});

describe.skipIf(noPostgres)('a connection of a pool', () => {
  test('is bounded in everything that it may wait for, and probed while it is idle', async () => {
    const { pool } = openPool(store.url, 'tests', 1_234);
    const { rows } = await pool.query(`
      select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
        current_setting('idle_in_transaction_session_timeout') as idle`);
    expect(rows).toEqual([{ statement: '1234ms', lock: '1234ms', idle: '12340ms' }]);
    const options = {
      connection: { connectionString: store.url },
      purpose: 'tests',
      maxConnections: 1,
      timeoutMs: 1_234,
    };
    expect(poolSettings(options, 'punctual')).toMatchObject({
      connectionTimeoutMillis: 1_234,
      query_timeout: 1_484,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
  });

  test('that waits for a lock for too long is refused by the server, and another is not', async () => {
    const hasty = openPool(store.url, 'tests', 1_000);
    const holder = await store.database.pool.connect();
    await holder.query('begin; lock table idempotency_keys');
    const client = await hasty.pool.connect();
    await client.query(`set statement_timeout = '1min'`);
    await expect(client.query('select * from idempotency_keys')).rejects.toMatchObject({ code: '55P03' });
    client.release();
    await hasty.pool.query('select 1');
    await holder.query('rollback');
    holder.release();
  });

  test('that is left idle in a transaction is ended by the server, and its locks with it', async () => {
    const hasty = openPool(store.url, 'tests', 1_000);
    const client = await hasty.pool.connect();
    await client.query('begin; lock table idempotency_keys');
    await new Promise((resolve) => client.once('end', resolve));
    client.release(true);
    await store.db.query('select * from idempotency_keys');
  });

  test('that is lost while it is idle ends neither the process nor the pool', async () => {
    const { pool } = openPool(store.url, 'punctual tests');
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(pool.counts()).toEqual({ total: 1, idle: 1 });
    await store.db.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await expect.poll(() => pool.counts()).toEqual({ total: 0, idle: 0 });
    const { rows: again } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(again[0]?.pid).not.toBe(rows[0]?.pid);
  });
});
