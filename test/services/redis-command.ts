/** Asks a Redis one thing over a connection of its own. */

import { Redis } from 'ioredis';

/** Connects, runs `ask`, disconnects. Rejects when the server cannot be reached within 2 s or refuses. */
export async function askRedis<T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 5_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
  });
  redis.on('error', () => {}); // The call rejects too.
  try {
    await redis.connect();
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}
