/** The lock and the signals on every kind of Redis there is: one server, Sentinel, Cluster. */

import { randomUUID } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { createRunIds } from '../../../src/domain/run/ids.ts';
import { connectRedis } from '../../../src/redis/connection.ts';
import type { OccurrenceLock } from '../../../src/redis/lock.ts';
import { createRedisLock } from '../../../src/redis/redis-lock.ts';
import { createRedisSignals } from '../../../src/redis/signals.ts';
import { redisAddress } from '../../../src/settings/redis.ts';
import { poll } from '../../poll.ts';
import { noRedis } from '../../services/provided.ts';
import { createProxy } from '../../services/proxy.ts';
import { createRedis, noOwnRedis } from '../../services/redis.ts';
import { createRedisCluster } from '../../services/redis-cluster.ts';
import { askRedis } from '../../services/redis-command.ts';
import { createRedisSentinel } from '../../services/redis-sentinel.ts';
import { silent } from '../../silent-log.ts';

/** Everything that one replica has of Redis. */
function join(url: string, namespace = 'test') {
  const address = redisAddress(url);
  if (!address.ok) throw new Error(address.errors.join());
  const source = { address: address.value, readAgain: () => address.value };
  const connection = connectRedis(source, silent, systemClock);
  const heard: string[] = [];
  const signals = createRedisSignals(
    source,
    connection,
    `${namespace}:signals`,
    { signal: (signal) => void heard.push(signal), text() {}, opened() {} },
    silent,
    systemClock,
  );
  const lock = createRedisLock(connection, namespace, silent);
  onTestFinished(() => {
    signals.close();
    connection.close();
  });
  const everywhere = () =>
    !('nodes' in connection.redis) || connection.redis.nodes('master').every(({ status }) => status === 'ready');
  const up = (wanted = true) =>
    poll(() => connection.up() === wanted && (!wanted || everywhere()), {
      what: `the connection to be ${wanted ? 'up' : 'down'}`,
      withinMs: 30_000,
    });
  return { connection, lock, signals, heard, up };
}

/** The run ids of `count` tasks that are due at the same instant. */
const runIds = (count: number) => {
  const instant = Date.UTC(2031, 0, 1) + Math.floor(Math.random() * 1e9);
  const runIds = createRunIds(randomUUID());
  return Array.from({ length: count }, (_, uid) => runIds.of(uid + 1, instant));
};

async function expectExclusive(one: OccurrenceLock, other: OccurrenceLock) {
  const keys = runIds(200);
  const [first, second] = [randomUUID(), randomUUID()];
  const answers = await Promise.all([one.take(keys, first, 10_000), other.take(keys, second, 10_000)]);
  for (const place of keys.keys()) expect(answers.filter((answer) => answer[place])).toHaveLength(1);
  // Asked again, each gets what it had.
  expect(await one.take(keys, first, 10_000)).toEqual(answers[0]);
  expect(await other.take(keys, second, 10_000)).toEqual(answers[1]);
}

async function expectSignals(sender: ReturnType<typeof join>, receiver: ReturnType<typeof join>) {
  const before = receiver.heard.length;
  await poll(
    () => {
      sender.signals.send('cancel');
      return receiver.heard.length > before;
    },
    { what: 'a signal to arrive', withinMs: 30_000, everyMs: 100 },
  );
  expect(receiver.heard.at(-1)).toBe('cancel');
}

describe.skipIf(noRedis)('one server', () => {
  test('locks a batch for one of two, and carries signals', async () => {
    const { url } = await createRedis();
    const [one, other] = [join(url), join(url)];
    await Promise.all([one.up(), other.up()]);
    await expectExclusive(one.lock, other.lock);
    await expectSignals(one, other);
  });

  test('that stops answering costs one time-out at a time, and then none: nobody is refused', async () => {
    const redis = await createRedis();
    const proxy = await createProxy(redis.url);
    const replica = join(proxy.url);
    await replica.up();
    proxy.pause();
    const [key = ''] = runIds(1);
    expect(await replica.lock.take([key], 'me', 10_000)).toEqual([true]);
    // Asked often enough, the connection is known to be dead long before TCP says so.
    await poll(
      async () => {
        await replica.lock.take([key], 'me', 10_000);
        return !replica.connection.up();
      },
      { what: 'the silent connection to be dropped' },
    );
    proxy.resume();
    await replica.up();
    expect(await replica.lock.take([key], 'somebody else', 10_000)).toHaveLength(1);
  });

  test('is subscribed to again after a connection went dead without a word', async () => {
    const redis = await createRedis();
    const proxy = await createProxy(redis.url);
    const [sender, receiver] = [join(redis.url), join(proxy.url)];
    await Promise.all([sender.up(), receiver.up()]);
    await expectSignals(sender, receiver);
    proxy.strand();
    await expectSignals(sender, receiver);
  });
});

describe.skipIf(noOwnRedis)('Sentinel', () => {
  test('locks a batch for one of two, carries signals, and goes on with the new master after a failover', {
    timeout: 120_000,
  }, async () => {
    const sentinel = await createRedisSentinel();
    const [one, other] = [join(sentinel.url), join(sentinel.url)];
    await Promise.all([one.up(), other.up()]);
    await expectExclusive(one.lock, other.lock);
    await expectSignals(one, other);
    // In the database that the address names.
    const master = sentinel.nodes[0]?.url ?? '';
    const locks = await askRedis(master.replace(/0$/, '1'), (redis) => redis.keys('*:run:*'));
    expect(locks).toHaveLength(200);

    const failover = sentinel.failOver();
    await one.up(false);
    expect(await one.lock.take(runIds(3), 'me', 10_000)).toEqual([true, true, true]);
    await failover;
    await Promise.all([one.up(), other.up()]);
    await expectExclusive(one.lock, other.lock);
    await expectSignals(one, other);
    expect(
      await askRedis(`${sentinel.nodes[1]?.url}`.replace(/0$/, '1'), (redis) => redis.dbsize()),
    ).toBeGreaterThanOrEqual(200);
  });

  test('lets go of a master that was made a replica', { timeout: 120_000 }, async () => {
    const sentinel = await createRedisSentinel();
    const replica = join(sentinel.url);
    await replica.up();
    const [master, follower] = sentinel.nodes;
    // By hand, behind the Sentinel's back, so that it is the write that finds out.
    await askRedis(`${master?.url}`, (redis) => redis.replicaof('127.0.0.1', Number(new URL(`${follower?.url}`).port)));
    const reconnected = new Promise((resolve) => replica.connection.redis.once('reconnecting', resolve));
    expect(await replica.lock.take(runIds(1), 'me', 10_000)).toEqual([true]);
    await reconnected;
  });
});

describe.skipIf(noOwnRedis)('a Cluster', () => {
  test('locks a batch for one of two, spread over its masters, and carries signals', { timeout: 60_000 }, async () => {
    const cluster = await createRedisCluster();
    const [one, other] = [join(cluster.url), join(cluster.url)];
    await Promise.all([one.up(), other.up()]);
    await expectExclusive(one.lock, other.lock);
    await expectSignals(one, other);
    await expectSignals(other, one);
    const sizes = await Promise.all(
      cluster.nodes.map(({ url }) => askRedis(url, async (redis) => (await redis.keys('*:run:*')).length)),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(200);
    for (const size of sizes) expect(size).toBeGreaterThan(0);
  });

  test('that lost a master refuses nobody, and works again when it is back', { timeout: 120_000 }, async () => {
    const cluster = await createRedisCluster();
    const [one, other] = [join(cluster.url), join(cluster.url)];
    await Promise.all([one.up(), other.up()]);
    const keys = runIds(64);
    await one.lock.take(keys, 'me', 60_000);
    await cluster.nodes[1]?.stop();
    const answers = await other.lock.take(keys, 'somebody else', 60_000);
    // What the lost one held is granted; of the others a refusal stands while they answer.
    expect(answers.filter((granted) => granted).length).toBeGreaterThan(0);
    await cluster.nodes[1]?.start();
    await poll(
      async () => {
        const fresh = runIds(64);
        await one.lock.take(fresh, 'me', 10_000);
        return (await other.lock.take(fresh, 'somebody else', 10_000)).every((granted) => !granted);
      },
      { what: 'every lock to be held again', withinMs: 60_000, everyMs: 200 },
    );
    await expectSignals(one, other);
  });
});
