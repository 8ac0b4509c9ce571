/** A Postgres, a Redis and a target of the bench's own. */

import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findPostgres, findRedis, pathFolders, postgresFolders } from '../../test/services/find-binaries.ts';
import { type PostgresServer, startPostgres } from '../../test/services/postgres-server.ts';
import { askRedis } from '../../test/services/redis-command.ts';
import { startRedis } from '../../test/services/redis-server.ts';
import type { Later } from './cleanup.ts';
import { startTarget, type Target } from './target.ts';

export type Services = {
  /** A new, empty database; its URL. */
  createDatabase(name: string): Promise<string>;
  postgres: { pid: number; adminUrl: string; version: string; countsStatements: boolean };
  redis: { pid: number; url: string; version: string };
  target: Target;
  /** Milliseconds that writing 8 KiB through to the disk takes here, as a median. */
  fsyncMs: number;
};

/**
 * Durable, and otherwise as Postgres comes: what a server has that nobody has tuned. (The servers of the tests are
 * forgetful, so these settings are given again.)
 */
const durable = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on', max_connections: '100' };

export async function startServices(later: Later): Promise<Services> {
  const binaries = await findPostgres([...pathFolders(), ...(await postgresFolders())]);
  const redisProgram = await findRedis(pathFolders());
  if (!binaries || !redisProgram) throw new Error('a bench needs the programs of Postgres and Redis on this machine');
  const { server, countsStatements } = await startCounting(binaries);
  later(() => server.close());
  const redis = await startRedis(redisProgram);
  later(() => redis.close());
  const info = await askRedis(redis.url, (client) => client.info('server'));
  const redisFact = (name: string) => new RegExp(`${name}:(\\S+)`).exec(info)?.[1] ?? '';
  const target = await startTarget(later);
  const [version] = await queryOnce(server.url, 'show server_version');
  return {
    async createDatabase(name) {
      await queryOnce(server.url, `drop database if exists ${name} with (force)`);
      await queryOnce(server.url, `create database ${name}`);
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      return url.href;
    },
    postgres: {
      pid: server.pid(),
      adminUrl: server.url,
      version: String((version as { server_version: string }).server_version).split(' ')[0] ?? '',
      countsStatements,
    },
    redis: { pid: Number(redisFact('process_id')), url: redis.url, version: redisFact('redis_version') },
    target,
    fsyncMs: await measureFsync(),
  };
}

/** With `pg_stat_statements` where it is installed: it belongs to Postgres' contrib, which some packages leave out. */
async function startCounting(binaries: string): Promise<{ server: PostgresServer; countsStatements: boolean }> {
  try {
    const server = await startPostgres(binaries, { ...durable, shared_preload_libraries: 'pg_stat_statements' });
    await queryOnce(server.url, 'create extension pg_stat_statements');
    return { server, countsStatements: true };
  } catch (error) {
    if (!/pg_stat_statements/.test(String(error))) throw error;
    return { server: await startPostgres(binaries, durable), countsStatements: false };
  }
}

/** Runs one statement on a connection of its own. */
export async function queryOnce(url: string, text: string, values: unknown[] = []): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // The call rejects too.
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

async function measureFsync(): Promise<number> {
  const path = join(tmpdir(), `punctual-fsync-${process.pid}`);
  const file = await open(path, 'w');
  const page = Buffer.alloc(8_192, 1);
  const taken: number[] = [];
  try {
    for (let n = 0; n < 50; n++) {
      const startedAt = performance.now();
      await file.write(page);
      await file.datasync();
      taken.push(performance.now() - startedAt);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  return taken.sort((a, b) => a - b)[25] as number;
}
