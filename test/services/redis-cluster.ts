/** Gives a test file a Redis Cluster of three masters. */

import { poll } from '../poll.ts';
import { atFileEnd } from './file-end.ts';
import { redisProgram } from './redis.ts';
import { askRedis } from './redis-command.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { randomPassword } from './scratch.ts';

export type TestRedisCluster = {
  /** `redis+cluster://…`; the first node that it names is not there. */
  url: string;
  nodes: readonly RedisServer[];
};

const slots = 16_384;

/** Gone after the test file. Rejects where `noOwnRedis`. */
export async function createRedisCluster(size = 3): Promise<TestRedisCluster> {
  const program = redisProgram();
  const password = randomPassword();
  const config = ['cluster-enabled yes', 'cluster-config-file nodes.conf', 'cluster-node-timeout 2000'];
  const nodes = await Promise.all(
    Array.from({ length: size }, async () => {
      const node = await startRedis(program, { password, config });
      atFileEnd(() => node.close());
      return node;
    }),
  );
  const ports = nodes.map(({ url }) => new URL(url).port);
  for (const [place, { url }] of nodes.entries()) {
    const from = Math.floor((place * slots) / size);
    const to = Math.floor(((place + 1) * slots) / size);
    await askRedis(url, async (redis) => {
      await redis.cluster('SET-CONFIG-EPOCH', place + 1);
      await redis.cluster('ADDSLOTS', ...Array.from({ length: to - from }, (_, each) => from + each));
      await redis.cluster('MEET', '127.0.0.1', Number(ports[0]));
    });
  }
  for (const { url } of nodes)
    await poll(
      () =>
        askRedis(url, async (redis) => {
          const info = await redis.cluster('INFO');
          return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${size}`);
        }),
      { what: 'the Cluster to come up', withinMs: 30_000 },
    );
  const hosts = [9, ...ports].map((port) => `127.0.0.1:${port}`).join(',');
  return { url: `redis+cluster://:${password}@${hosts}`, nodes };
}
