/** Gives a test file a Redis whose keys nobody else sees. */

import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { atFileEnd } from './file-end.ts';
import { createProxy } from './proxy.ts';
import { askRedis } from './redis-command.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

/** For `describe.skipIf(noOwnRedis)`: Redis' program is not at hand, only a server's address, or nothing at all. */
export const noOwnRedis: boolean = inject('redis').kind !== 'binary';

/** The path of a `redis-server`. Throws where `noOwnRedis`. */
export function redisProgram(): string {
  const provided = inject('redis');
  if (provided.kind === 'binary') return provided.path;
  throw new Error('no program of Redis: put describe.skipIf(noOwnRedis) around what needs it');
}

export type TestRedis = Omit<RedisServer, 'close'>;

/**
 * A Redis for this test file, gone after it: a server of its own, or, where only an address is known (TEST_REDIS_URL,
 * Docker), one of that server's logical databases behind a proxy that breaks in the same ways. There, only keys are
 * apart: publish and subscribe know no logical databases. Rejects when there is no Redis: see `noRedis`.
 */
export async function createRedis(): Promise<TestRedis> {
  const provided = inject('redis');
  if (provided.kind === 'none') {
    throw new Error(`there is no Redis (${provided.reason}): put describe.skipIf(noRedis) around what needs it`);
  }
  if (provided.kind === 'url') return shareRedis(provided.url);
  const server = await startRedis(provided.path);
  atFileEnd(() => server.close());
  return server;
}

async function shareRedis(serverUrl: string): Promise<TestRedis> {
  const database = await takeLogicalDatabase(serverUrl);
  const direct = databaseUrl(serverUrl, database);
  const flush = async (): Promise<void> => {
    await askRedis(direct, (redis) => redis.flushdb());
  };
  await flush();
  const proxy = await createProxy(direct);
  atFileEnd(flush);
  return {
    url: proxy.url,
    async stop() {
      await proxy.cut();
      await flush();
    },
    start: () => proxy.restore(),
    pause: async () => proxy.pause(),
    resume: async () => proxy.resume(),
    flush,
  };
}

/** Takes one of the logical databases 1 to 15; who has which is noted in database 0, for ten minutes at most. */
async function takeLogicalDatabase(serverUrl: string): Promise<number> {
  const notes = databaseUrl(serverUrl, 0);
  const token = randomUUID();
  for (let database = 1; database < 16; database++) {
    const key = `punctual-test:database-${database}`;
    const taken = await askRedis(notes, (redis) => redis.set(key, token, 'EX', 600, 'NX'));
    if (taken !== 'OK') continue;
    atFileEnd(() => askRedis(notes, async (redis) => (await redis.get(key)) === token && redis.del(key)));
    return database;
  }
  throw new Error('all logical databases of the Redis for tests are in use');
}

function databaseUrl(serverUrl: string, database: number): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}
