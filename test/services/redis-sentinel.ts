/** Gives a test file a master and a replica of Redis with a Sentinel that puts one in the place of the other. */

import { poll } from '../poll.ts';
import { atFileEnd } from './file-end.ts';
import { redisProgram } from './redis.ts';
import { askRedis } from './redis-command.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { randomPassword } from './scratch.ts';

export type TestSentinel = {
  /** `redis+sentinel://…`; the first Sentinel that it names is not there. */
  url: string;
  /** Where the data nodes are, the first master first. */
  nodes: readonly RedisServer[];
  /** The port of the master by the Sentinel's word. */
  masterPort(): Promise<number>;
  /** Kills the master; resolves when the Sentinel has made the replica the new one. */
  failOver(): Promise<void>;
};

/** Gone after the test file. Rejects where `noOwnRedis`. */
export async function createRedisSentinel(): Promise<TestSentinel> {
  const program = redisProgram();
  const password = randomPassword();
  const secrets = { password, config: [`masterauth ${password}`] };
  const start = async (config: string[], args: string[] = [], word = password) => {
    const server = await startRedis(program, { password: word, config, args });
    atFileEnd(() => server.close());
    return server;
  };
  const master = await start(secrets.config);
  const port = new URL(master.url).port;
  const replica = await start([...secrets.config, `replicaof 127.0.0.1 ${port}`]);
  await poll(
    async () => (await askRedis(replica.url, (redis) => redis.info('replication'))).includes('link_status:up'),
    {
      what: 'the replica to follow the master',
      withinMs: 30_000,
    },
  );
  const sentinelWord = randomPassword();
  const sentinel = await start(
    [
      `sentinel monitor main 127.0.0.1 ${port} 1`,
      `sentinel auth-pass main ${password}`,
      'sentinel down-after-milliseconds main 1000',
      'sentinel failover-timeout main 5000',
    ],
    ['--sentinel'],
    sentinelWord,
  );
  const ask = (...words: string[]) => askRedis(sentinel.url, (redis) => redis.call('SENTINEL', ...words));
  await poll(async () => ((await ask('replicas', 'main')) as unknown[]).length === 1, {
    what: 'the Sentinel to know the replica',
    withinMs: 30_000,
  });
  const masterPort = async () => Number(((await ask('get-master-addr-by-name', 'main')) as string[])[1]);
  const hosts = `127.0.0.1:9,127.0.0.1:${new URL(sentinel.url).port}`;
  return {
    url: `redis+sentinel://:${password}@${hosts}/main/1?sentinel_password=${sentinelWord}`,
    nodes: [master, replica],
    masterPort,
    async failOver() {
      await master.stop();
      const successor = Number(new URL(replica.url).port);
      await poll(async () => (await masterPort()) === successor, { what: 'the failover', withinMs: 60_000 });
      await poll(
        async () => (await askRedis(replica.url, (redis) => redis.info('replication'))).includes('role:master'),
        {
          what: 'the replica to be master',
          withinMs: 30_000,
        },
      );
    },
  };
}
