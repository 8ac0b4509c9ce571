/** Faults of Redis: gone, hanging, forgetful, full, read-only, lying. */

import { askRedis } from '../../services/redis-command.ts';
import { startLyingRedis } from '../cluster/lying-redis.ts';
import { during, type Fault, sleep } from './fault.ts';

export const redisFault: Fault<'redis'> = async (context, { how, for: length }) => {
  const { redis } = context.cluster;
  const wait = () => context.seconds(length);
  const configure = (...words: [string, string][]) =>
    askRedis(redis.url, async (client) => {
      for (const [name, value] of words) await client.config('SET', name, value);
    });
  if (how === 'kill') {
    await redis.stop();
    return during(wait(), () => redis.start());
  }
  if (how === 'pause') {
    await redis.pause();
    return during(wait(), () => redis.resume());
  }
  if (how === 'flush') {
    let over = false;
    const flushing = (async () => {
      while (!over) {
        await redis.flush().catch(() => {});
        await sleep(500);
      }
    })();
    return during(wait(), async () => {
      over = true;
      await flushing;
    });
  }
  if (how === 'evict') {
    // Less than it needs empty: every key that is written has another go at once, or is refused.
    await configure(['maxmemory-policy', 'allkeys-random'], ['maxmemory', '1500kb']);
    return during(wait(), () => configure(['maxmemory', '0'], ['maxmemory-policy', 'noeviction']));
  }
  // A replica of a master that is not there refuses every write.
  await askRedis(redis.url, (client) => client.replicaof('127.0.0.1', '1'));
  await during(wait(), () => askRedis(redis.url, (client) => client.replicaof('NO', 'ONE')));
};

export const lyingLock: Fault<'lock'> = async (context, { lie, for: length }) => {
  const { cluster, history } = context;
  const liar = await startLyingRedis(lie);
  const switchTo = async (url: string) => {
    for (const { redis } of cluster.wires) {
      redis.redirect(url);
      await redis.cut(false);
    }
  };
  await switchTo(liar.url);
  await during(context.seconds(length), async () => {
    await switchTo(cluster.redis.url);
    history.notes.push(`the lying lock was asked for ${liar.asked()} locks`);
    await liar.close();
  });
};
