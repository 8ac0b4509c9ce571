/** The lock in Redis: one script call for a batch of keys, or, in a Cluster, a few of them side by side. */

import type { Logger } from '../observability/log.ts';
import type { RedisConnection } from './connection.ts';
import type { OccurrenceLock } from './lock.ts';

/**
 * Sets every free key. A key that the same owner has set before is granted again, because the first answer may have
 * been lost.
 */
const takeScript = `
  local granted = {}
  for place, key in ipairs(KEYS) do
    if redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) or redis.call('GET', key) == ARGV[1] then granted[place] = 1
    else granted[place] = 0 end
  end
  return granted`;

type Take = (count: number, ...args: (string | number)[]) => Promise<number[]>;

/**
 * Keys are `punctual:{namespace}:run:<key>`. A Cluster places a key by the part in braces, the hash tag, and a script
 * may only touch keys of one slot. One tag for all keys would put every lock on one master. So in a Cluster the tag
 * holds the last digit of the key. A batch of any size then makes at most 16 calls, on any number of masters. Without
 * the tag, almost every key would need a call of its own. Keys are run ids, whose last digit is that of the task's
 * number, so that tasks spread evenly.
 */
export function createRedisLock(connection: RedisConnection, namespace: string, log: Logger): OccurrenceLock {
  const { redis, clustered } = connection;
  redis.defineCommand('punctualTake', { lua: takeScript });
  const take: Take = (redis as unknown as { punctualTake: Take }).punctualTake.bind(redis);
  const tagOf = (key: string) => (clustered ? `${namespace}:${key.slice(-1)}` : namespace);

  connection.watch('lock', () => take(1, `punctual:{${tagOf('0')}}:probe`, 'probe', 1));

  /** The places of the keys in the batch that share a tag. */
  function placesByTag(keys: readonly string[]): Map<string, number[]> {
    const byTag = new Map<string, number[]>();
    keys.forEach((key, place) => {
      const tag = tagOf(key);
      const places = byTag.get(tag);
      if (places) places.push(place);
      else byTag.set(tag, [place]);
    });
    return byTag;
  }

  return {
    async take(keys, owner, ttlMs) {
      const granted = keys.map(() => true);
      if (!connection.up('lock')) return granted;
      const calls = [...placesByTag(keys)].map(async ([tag, places]) => {
        const names = places.map((place) => `punctual:{${tag}}:run:${keys[place]}`);
        try {
          const answers = await take(names.length, ...names, owner, ttlMs);
          answers.forEach((answer, index) => {
            granted[places[index] as number] = answer === 1;
          });
        } catch (error) {
          log.debug({ err: error }, 'Redis did not answer a lock: going on with the fence alone');
        }
      });
      await Promise.all(calls);
      return granted;
    },
  };
}
