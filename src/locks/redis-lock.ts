/** The lock in Redis: one script call for a batch of keys. */

import type { Logger } from '../log.ts';
import type { OccurrenceLock } from './lock.ts';
import type { RedisConnection } from './redis.ts';

/**
 * Sets every key that nobody has. A key that the owner set before counts as his: he asks again after an answer that was
 * lost on the way.
 */
const takeScript = `
  local granted = {}
  for place, key in ipairs(KEYS) do
    if redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) or redis.call('GET', key) == ARGV[1] then granted[place] = 1
    else granted[place] = 0 end
  end
  return granted`;

/** Keys get `prefix`, which ends in a hash tag so that a Redis Cluster keeps a batch in one slot. */
export function createRedisLock(connection: RedisConnection, prefix: string, log: Logger): OccurrenceLock {
  const { redis } = connection;
  redis.defineCommand('punctualTake', { lua: takeScript });
  const take = (
    redis as unknown as { punctualTake(count: number, ...args: (string | number)[]): Promise<number[]> }
  ).punctualTake.bind(redis);
  return {
    async take(keys, owner, ttlMs) {
      if (!connection.up()) return keys.map(() => true);
      try {
        const granted = await take(keys.length, ...keys.map((key) => prefix + key), owner, ttlMs);
        return granted.map((one) => one === 1);
      } catch (error) {
        log.debug({ err: error }, 'Redis did not answer a lock: going on with the fence alone');
        return keys.map(() => true);
      }
    },
  };
}
