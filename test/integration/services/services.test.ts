/** The tests' own ground: databases and Redis that belong to one file, and faults that can be made. */

import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { createDatabase } from '../../services/database.ts';
import { createPostgres, noOwnPostgres } from '../../services/postgres.ts';
import { noPostgres, noRedis } from '../../services/provided.ts';
import { createProxy } from '../../services/proxy.ts';
import { createRedis } from '../../services/redis.ts';
import { askRedis } from '../../services/redis-command.ts';

async function query(url: string, sql: string, timeoutMs = 10_000): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    void client.end().catch(() => {});
  }
}

describe('a database of a test file', () => {
  test('has the schema and is not seen by another', async () => {
    const [one, other] = await Promise.all([createDatabase(), createDatabase()]);
    expect(await query(one.url, 'SELECT count(*) FROM schema_migrations')).toHaveLength(1);
    await query(one.url, 'CREATE TABLE mine (n int)');
    await expect(query(other.url, 'SELECT * FROM mine')).rejects.toThrow('does not exist');
  });

  test.skipIf(noPostgres)('has a session for each connection', async () => {
    const { url } = await createDatabase();
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    const [one, other] = await Promise.all([pool.connect(), pool.connect()]);
    await one.query('SELECT pg_advisory_lock(1)');
    expect((await other.query('SELECT pg_try_advisory_lock(1) AS got')).rows).toEqual([{ got: false }]);
    one.release();
    other.release();
    await pool.end();
  });

  test('can be cut off, hung and given back by a proxy', async () => {
    const proxy = await createProxy((await createDatabase()).url);
    expect(await query(proxy.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await proxy.cut();
    await expect(query(proxy.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await proxy.restore();
    proxy.pause();
    await expect(query(proxy.url, 'SELECT 1', 300)).rejects.toThrow('timeout');
    proxy.resume();
    expect(await query(proxy.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

test.skipIf(noOwnPostgres)('a Postgres of a test file keeps what was committed over a crash', async () => {
  const server = await createPostgres();
  await query(server.url, 'CREATE TABLE kept AS SELECT 1 AS n');
  await server.crash();
  await expect(query(server.url, 'SELECT * FROM kept')).rejects.toThrow('ECONNREFUSED');
  await server.start();
  expect(await query(server.url, 'SELECT * FROM kept')).toEqual([{ n: 1 }]);
});

describe.skipIf(noRedis)('a Redis of a test file', () => {
  test('is not seen by another and loses its keys when flushed', async () => {
    const [one, other] = await Promise.all([createRedis(), createRedis()]);
    await askRedis(one.url, (redis) => redis.set('key', 'mine'));
    expect(await askRedis(one.url, (redis) => redis.get('key'))).toBe('mine');
    expect(await askRedis(other.url, (redis) => redis.get('key'))).toBeNull();
    await one.flush();
    expect(await askRedis(one.url, (redis) => redis.get('key'))).toBeNull();
  });

  test('can be stopped and started again without its keys, on the same address', async () => {
    const server = await createRedis();
    await askRedis(server.url, (redis) => redis.set('key', 'value'));
    await server.stop();
    await expect(askRedis(server.url, (redis) => redis.ping())).rejects.toThrow();
    await server.start();
    expect(await askRedis(server.url, (redis) => redis.get('key'))).toBeNull();
  });

  test('hangs while paused and goes on when resumed', async () => {
    const [server, other] = [await createRedis(), await createRedis()];
    const redis = new Redis(server.url, { maxRetriesPerRequest: 0 });
    redis.on('error', () => {});
    expect(await redis.ping()).toBe('PONG');
    await server.pause();
    const answer = redis.ping();
    // A later question to another server is answered, this one is not.
    expect(await askRedis(other.url, (redis) => redis.ping())).toBe('PONG');
    expect(await Promise.race([answer, 'nothing'])).toBe('nothing');
    await server.resume();
    expect(await answer).toBe('PONG');
    redis.disconnect();
  });
});
