/** Connects to Redis so that a dead server costs time-outs, never a queue of waiting calls. */

import { Redis } from 'ioredis';
import type { Logger } from '../log.ts';

export type RedisConnection = {
  redis: Redis;
  /** Whether the server can be asked right now. */
  up(): boolean;
  close(): void;
};

/** How long one command may take, in milliseconds: a slow lock server must not make occurrences late. */
const commandTimeoutMs = 250;

export function connectRedis(url: string, log: Logger): RedisConnection {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 1,
    connectTimeout: 2_000,
    commandTimeout: commandTimeoutMs,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  });
  let failing = false;
  redis.on('error', (error: Error) => {
    if (!failing) log.warn({ err: error }, 'Redis cannot be reached: the fence in Postgres holds alone');
    failing = true;
  });
  redis.on('ready', () => {
    if (failing) log.info('Redis is back');
    failing = false;
  });
  return { redis, up: () => redis.status === 'ready', close: () => redis.disconnect() };
}
