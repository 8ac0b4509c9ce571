import pg from 'pg';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { type Replica, startReplica } from '../services/process.ts';
import { noPostgres, noRedis } from '../services/provided.ts';
import { createRedis, type TestRedis } from '../services/redis.ts';
import { delay, hang, startTarget, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

async function ready(replica: Replica) {
  const http = supertest(replica.url);
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  return { ...replica, http };
}

async function cluster(size: number, redis: TestRedis | null, more: Record<string, string> = {}) {
  const database = await createDatabase();
  const env = { DATABASE_URL: database.url, LEASE_TTL: '2s', ...(redis ? { REDIS_URL: redis.url } : {}), ...more };
  const replicas = await Promise.all(Array.from({ length: size }, async () => ready(await startReplica({ env }))));
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return {
    replicas,
    start: async () => ready(await startReplica({ env })),
    query: async (text: string) => (await client.query(text)).rows,
    end: () => client.end(),
  };
}

/** Calls of the target by (run, attempt); every count must be 1. */
function callsOf(prefix: string): Map<string, number> {
  const calls = new Map<string, number>();
  for (const { path, headers } of target.requests) {
    if (!path.startsWith(prefix)) continue;
    const key = `${headers['x-run-id']} ${headers['x-attempt']}`;
    calls.set(key, (calls.get(key) ?? 0) + 1);
  }
  return calls;
}

describe.skipIf(noRedis || noPostgres)('three replicas with Redis', () => {
  test('fire every occurrence once between them, and follow a change made through any of them', async () => {
    const redis = await createRedis();
    const { replicas, query, end } = await cluster(3, redis);
    const [one, two, three] = replicas;
    const items = Array.from({ length: 40 }, (_, place) => ({
      id: `shared-${place}`,
      schedule: '* * * * * *',
      overlap: 'allow',
      target: `${target.url}/shared/${place}`,
    }));
    await one?.http.post('/tasks/batch').send({ items }).expect(200);
    await target.waitFor(() => callsOf('/shared/').size >= 200, 30_000);
    // A change made through one acts on all: stop everything through the second.
    await Promise.all(items.map(({ id }) => two?.http.post(`/tasks/${id}/stop`).expect(200)));
    await poll(
      async () => (await query(`select from runs where status not in ('succeeded', 'cancelled')`)).length === 0,
      { what: 'quiet' },
    );
    const before = callsOf('/shared/').size;

    expect([...callsOf('/shared/').values()].every((count) => count === 1)).toBe(true);
    const rows = await query(
      'select task_uid, scheduled_for, count(*) as n from runs group by 1, 2 having count(*) > 1',
    );
    expect(rows).toEqual([]);
    // Between the first and the last second of a task there is no hole.
    const holes = await query(`
      select task_uid from runs group by 1
      having extract(epoch from max(scheduled_for) - min(scheduled_for)) + 1 <> count(*)`);
    expect(holes).toEqual([]);
    const owners = await query('select distinct owner from runs where owner is not null');
    expect(owners.length).toBeGreaterThan(1);
    const { body } = (await three?.http.get('/cluster').expect(200)) ?? { body: {} };
    expect(body.replicas).toHaveLength(3);
    // Occurrences of a later task are called; none of the earlier ones comes any more.
    await three?.http
      .post('/tasks')
      .send({ id: 'later', schedule: '@every 200ms', overlap: 'allow', target: `${target.url}/later` })
      .expect(201);
    await target.waitFor(() => callsOf('/later').size >= 5, 20_000);
    expect(callsOf('/shared/').size).toBe(before);
    await end();
  });

  test('lose nothing when Redis goes away, and take it up again', async () => {
    const redis = await createRedis();
    const { replicas, query, end } = await cluster(2, redis);
    await replicas[0]?.http
      .post('/tasks')
      .send({ id: 'steady', schedule: '@every 250ms', overlap: 'allow', target: `${target.url}/steady` })
      .expect(201);
    const reach = (count: number) => target.waitFor(() => callsOf('/steady').size >= count, 20_000);
    await reach(4);
    await redis.stop();
    await reach(16);
    await redis.start();
    await reach(24);
    await replicas[1]?.http.post('/tasks/steady/stop').expect(200);
    expect([...callsOf('/steady').values()].every((count) => count === 1)).toBe(true);
    const gaps = await query(`
      select gap from (select scheduled_for - lag(scheduled_for) over (order by scheduled_for) as gap from runs) gaps
      where gap <> interval '250 ms'`);
    expect(gaps).toEqual([]);
    await end();
  });
});

describe.skipIf(noPostgres)('a replica that is killed', () => {
  test('leaves its runs to the others: the next attempt where one is left, else lost', async () => {
    const { replicas, start, end } = await cluster(1, null);
    const [doomed] = replicas;
    target.setBehaviour('/left', hang());
    target.setBehaviour('/last', hang());
    for (const [id, maxAttempts] of [
      ['left', 2],
      ['last', 1],
    ] as const)
      await doomed?.http
        .post('/tasks')
        .send({ id, schedule: { manual: true }, retry: { maxAttempts }, timeout: '1m', target: `${target.url}/${id}` })
        .expect(201);
    const left = (await doomed?.http.post('/tasks/left/trigger').expect(202))?.body.id;
    const last = (await doomed?.http.post('/tasks/last/trigger').expect(202))?.body.id;
    await target.waitFor((requests) =>
      ['/left', '/last'].every((path) => requests.some((request) => request.path === path)),
    );
    doomed?.kill('SIGKILL');
    await doomed?.exited;
    target.setBehaviour('/left', delay(10));
    const heir = await start();
    const over = (id: string) =>
      poll(
        async () => {
          const { body } = await heir.http.get(`/runs/${id}`).expect(200);
          return !['running', 'retrying', 'pending'].includes(body.status) && body;
        },
        { what: 'the run to be taken over', withinMs: 20_000 },
      );
    expect(await over(left)).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      attempts: [
        { attempt: 1, status: 'lost' },
        { attempt: 2, status: 'succeeded' },
      ],
    });
    expect(await over(last)).toMatchObject({ status: 'lost', error: { kind: 'lost' } });
    expect([...callsOf('/left').values()]).toEqual([1, 1]);
    await end();
  });
});

describe.skipIf(noPostgres)('a run that a live replica holds without knowing of it', () => {
  test('is found by that replica, and taken up with its next attempt', { timeout: 60_000 }, async () => {
    const { replicas, query, end } = await cluster(1, null);
    const [replica] = replicas;
    await replica?.http
      .post('/tasks')
      .send({ id: 'stray', schedule: { manual: true }, retry: { maxAttempts: 2 }, target: `${target.url}/stray` })
      .expect(201);
    const id = '0190a000-0000-7000-8000-000000000001';
    await query(`
      insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, owner, attempt, max_attempts, created_at, started_at)
      select '${id}', uid, 'manual', 'running', now(), now(), now(), p.id, 1, 2, now(), now() from tasks, replicas p`);
    await target.waitFor(() => callsOf('/stray').size === 1, 45_000);
    expect([...callsOf('/stray')]).toEqual([[`${id} 2`, 1]]);
    await poll(async () => (await replica?.http.get(`/runs/${id}`))?.body.status === 'succeeded', { what: 'the run' });
    const text = (await replica?.http.get('/metrics').expect(200))?.text ?? '';
    expect(text).toMatch(/^scheduler_stuck_runs_total 1$/m);
    expect(replica?.logs()).toContainEqual(
      expect.objectContaining({ level: 'warn', runId: id, taskId: 'stray', attempt: 1 }),
    );
    await end();
  });
});
