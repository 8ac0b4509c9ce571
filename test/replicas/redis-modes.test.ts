import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { noPostgres } from '../services/provided.ts';
import { noOwnRedis } from '../services/redis.ts';
import { createRedisCluster } from '../services/redis-cluster.ts';
import { createRedisSentinel } from '../services/redis-sentinel.ts';
import { startTarget, type Target } from '../target.ts';
import { type Http, startReady } from './process/ready.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

async function measure({ http }: { http: Http }, sample: string): Promise<number> {
  const { text } = await http.get('/metrics').expect(200);
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${sample} `))
      ?.slice(sample.length + 1) ?? 0,
  );
}

const kinds = {
  async Sentinel() {
    const { url, failOver } = await createRedisSentinel();
    return { url, lose: failOver, restore: async () => {} };
  },
  async Cluster() {
    const { url, nodes } = await createRedisCluster();
    return { url, lose: async () => nodes[0]?.stop(), restore: async () => nodes[0]?.start() };
  },
};

describe.skipIf(noOwnRedis || noPostgres).each(Object.entries(kinds))(
  'two replicas with a Redis %s',
  (name, create) => {
    test('fire everything once between them, also while a master is lost', { timeout: 120_000 }, async () => {
      const [redis, { url }] = await Promise.all([create(), createDatabase()]);
      const env = { DATABASE_URL: url, REDIS_URL: redis.url };
      const replicas = await Promise.all([startReady({ env }), startReady({ env })]);
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      onTestFinished(() => client.end());
      const path = `/${name}`;
      const items = Array.from({ length: 16 }, (_, place) => ({
        id: `beat-${place}`,
        schedule: '@every 500ms',
        overlap: 'allow',
        target: target.url + path,
      }));
      await replicas[0].http.post('/tasks/batch').send({ items }).expect(200);
      const calls = () => target.requests.filter((request) => request.path === path);
      const reach = async (more: number) => {
        const wanted = calls().length + more;
        await target.waitFor(() => calls().length >= wanted, 60_000);
      };
      const known = async () =>
        (await Promise.all(replicas.map((each) => measure(each, 'dependencies_up{dependency="redis"}')))).every(
          (up) => up === 1,
        );
      /** What locks do without and with their master is tested where they are; here both replicas find it again. */
      const redisIsBack = () => poll(known, { what: 'both to have their Redis', withinMs: 60_000, everyMs: 200 });

      await redisIsBack();
      await redis.lose();
      await reach(64);
      await redis.restore();
      await redisIsBack();
      await reach(64);

      const keys = calls().map(({ headers }) => `${headers['x-run-id']} ${headers['x-attempt']}`);
      expect(new Set(keys).size).toBe(keys.length);
      for (const replica of replicas) await replica.stop();
      const { rows } = await client.query(`
      select gap from (
        select scheduled_for - lag(scheduled_for) over (partition by task_uid order by scheduled_for) as gap from runs
      ) gaps where gap <> interval '500 ms'`);
      expect(rows).toEqual([]);
    });
  },
);
