/** Streams of what changes, with two real replicas: each hears what the other does. */

import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type EventClient, openEvents } from '../event-client.ts';
import { poll } from '../poll.ts';
import { noPostgres, noRedis } from '../services/provided.ts';
import { createRedis } from '../services/redis.ts';
import { startTwoReplicas } from '../services/two-replicas.ts';
import { startTarget } from '../target.ts';

const key = 'the-key-of-root';
const authorization = `Bearer ${key}`;

let target: string;
beforeAll(async () => {
  target = (await startTarget()).url;
});

async function startBoth(env: Record<string, string> = {}) {
  const root = `root:owner:${createHash('sha256').update(key).digest('hex')}`;
  const { one, two } = await startTwoReplicas({ API_KEYS: root, TARGET_DENY: 'none', LEASE_TTL: '2s', ...env });
  const asking = ({ url, http, ...replica }: typeof one) => ({
    ...replica,
    post: (path: string, body: object) => http.post(path).set('authorization', authorization).send(body),
    remove: (path: string) => http.delete(path).set('authorization', authorization),
    metrics: async () => (await http.get('/metrics').expect(200)).text,
    follow: (path = '/stream', headers: Record<string, string> = {}) =>
      openEvents(`${url}${path}`, { authorization, ...headers }),
  });
  return { one: asking(one), two: asking(two) };
}

type Both = Awaited<ReturnType<typeof startBoth>>;

/** Makes a task at a replica and runs it there so many times. */
async function run(replica: Both['one'], id: string, times: number): Promise<void> {
  await replica.post('/tasks', { id, schedule: { manual: true }, target, overlap: 'allow' }).expect(201);
  for (let time = 0; time < times; time++)
    await replica.post(`/tasks/${id}/trigger`, {}).set('prefer', 'wait=10').expect(202);
}

/** Each run is created, started and finished. */
async function expectAllRuns(stream: EventClient, runs: number): Promise<void> {
  await poll(() => stream.counted('runs') === 3 * runs, { what: `${3 * runs} changes of runs`, withinMs: 20_000 });
}

describe.skipIf(noPostgres).each([
  ['with Redis', {}],
  ['without Redis', { REDIS_URL: '' }],
])('two replicas %s', (name, env) => {
  const skipped = name === 'with Redis' && noRedis;

  test.skipIf(skipped)('hear of each other and count each change once', { timeout: 60_000 }, async () => {
    const { one, two } = await startBoth(env);
    const [atOne, atTwo] = [await one.follow(), await two.follow()];
    await Promise.all([atOne.next('hello'), atTwo.next('hello')]);
    await Promise.all([run(one, 'from-one', 20), run(two, 'from-two', 20)]);
    for (const stream of [atOne, atTwo]) {
      await expectAllRuns(stream, 40);
      await poll(() => stream.counted('tasks') === 2, { what: 'both tasks' });
      expect(stream.events.some(({ event }) => event === 'resync')).toBe(false);
    }
  });

  test.skipIf(skipped)(
    'a stream outlives the death of the other replica, and is told',
    { timeout: 60_000 },
    async () => {
      const { one, two } = await startBoth(env);
      const [stream, doomed] = [await one.follow(), await two.follow()];
      await Promise.all([stream.next('hello'), doomed.next('hello')]);
      two.kill('SIGKILL');
      await poll(() => doomed.ended(), { what: 'the stream of the dead replica to end' });
      await stream.next('cluster', { withinMs: 20_000 });
      await stream.next('resync', { withinMs: 20_000 });
      const from = stream.events.length;
      await run(one, 'afterwards', 1);
      await stream.next('runs', { from });
      expect(stream.ended()).toBe(false);
      const again = await one.follow('/stream', { 'last-event-id': String(doomed.events[0]?.id) });
      await again.next('resync');
    },
  );

  test.skipIf(skipped)('a stream ends with goodbye and does not hold up SIGTERM', { timeout: 60_000 }, async () => {
    const { one, two } = await startBoth(env);
    const [stream, other] = [await one.follow(), await two.follow()];
    await Promise.all([stream.next('hello'), other.next('hello')]);
    const began = performance.now();
    const stopped = one.stop();
    await poll(() => stream.ended(), { what: 'the stream to end' });
    expect(stream.events.at(-1)?.event).toBe('goodbye');
    expect(await stopped).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
    await other.next('cluster');
    expect(other.ended()).toBe(false);
  });

  test.skipIf(skipped)('a stream ends when its key is deleted at the other replica', { timeout: 60_000 }, async () => {
    const { one, two } = await startBoth(env);
    const { body } = await two.post('/keys', { name: 'console', role: 'reader', namespace: '*' }).expect(201);
    const [stream, kept] = [await one.follow('/stream', { authorization: `Bearer ${body.key}` }), await one.follow()];
    await Promise.all([stream.next('hello'), kept.next('hello')]);
    await two.remove(`/keys/${body.id}`).expect(204);
    await poll(() => stream.ended(), { what: 'the stream to end', withinMs: 5_000 });
    expect(kept.ended()).toBe(false);
  });

  test.skipIf(skipped)('nothing is sent while nobody listens', { timeout: 60_000 }, async () => {
    const { one, two } = await startBoth(env);
    await run(one, 'unheard', 5);
    const stream = await two.follow();
    await stream.next('hello');
    await run(one, 'heard', 5);
    await expectAllRuns(stream, 5);
    expect(JSON.stringify(stream.events)).not.toContain('unheard');
  });
});

test.skipIf(noPostgres || noRedis)(
  'while Redis is away replicas find the runs of each other by looking, and afterwards hear of all again',
  { timeout: 90_000 },
  async () => {
    const redis = await createRedis();
    const { one, two } = await startBoth({ REDIS_URL: redis.url });
    const stream = await one.follow();
    await stream.next('hello');
    await redis.stop();
    await stream.next('resync', { withinMs: 20_000 });
    await run(two, 'unheard', 1);
    await poll(() => stream.events.some(({ event, data }) => event === 'runs' && data.includes('unheard')), {
      what: 'the run that was found',
      withinMs: 20_000,
    });
    const from = stream.events.length;
    await redis.start();
    await stream.next('resync', { from, withinMs: 30_000 });
    let round = 0;
    await poll(
      async () => {
        const id = `heard-${++round}`;
        await run(two, id, 1);
        await two.post('/tasks', { id: `after-${id}`, schedule: { manual: true }, target }).expect(201);
        await stream.next('tasks', { from: stream.events.length });
        const hints = stream.events.filter(({ event, data }) => event === 'runs' && data.includes(`"${id}"`));
        return hints.reduce((sum, { data }) => sum + JSON.parse(data).count, 0) === 3;
      },
      { what: 'a run to be created, started and finished', withinMs: 40_000 },
    );
  },
);
