import pg from 'pg';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRunIds } from '../../src/domain/run/ids.ts';
import { outlast } from '../outlast.ts';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { startReplica } from '../services/process.ts';
import { noPostgres, noRedis } from '../services/provided.ts';
import { createRedis } from '../services/redis.ts';
import { startTarget, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

async function start(env: Record<string, string>) {
  const replica = await startReplica({ env: { LEASE_TTL: '1s', ...env } });
  const http = supertest(replica.url);
  await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  return { ...replica, http };
}

async function connect(url: string) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // The database goes with the test file.
  await client.connect();
  return {
    query: async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows,
    end: () => client.end(),
  };
}

type Client = Awaited<ReturnType<typeof connect>>;

const runsOf = ({ query }: Client, id: string) =>
  query(
    `select r.trigger, r.status, r.scheduled_for, r.reason from runs r join tasks t on t.uid = r.task_uid
     where t.id = $1 order by r.id`,
    [id],
  );

describe.skipIf(noPostgres)('occurrences that were due while no replica lived', () => {
  test('all fire late where they are within their grace, and follow the misfire policy where they are not', async () => {
    const database = await createDatabase();
    const client = await connect(database.url);
    const first = await start({ DATABASE_URL: database.url });
    const create = (id: string, misfire: object) =>
      first.http
        .post('/tasks')
        .send({ id, schedule: '@every 250ms', overlap: 'allow', misfire, target: `${target.url}/${id}` })
        .expect(201);
    await create('patient', { grace: '10m' });
    await create('skip', { grace: '500ms', policy: 'skip' });
    await create('fire-once', { grace: '500ms', policy: 'fire_once' });
    await create('fire-all', { grace: '500ms', policy: 'fire_all', limit: 3 });
    await target.waitFor((requests) => requests.filter(({ path }) => path === '/fire-all').length >= 3);
    first.kill('SIGKILL');
    await first.exited;
    await outlast(Date.now() + 4_000);

    const second = await start({ DATABASE_URL: database.url });
    await poll(
      async () => (await runsOf(client, 'fire-all')).filter(({ trigger }) => trigger === 'catch_up').length === 3,
      {
        what: 'the sweep',
      },
    );
    const resumed = target.requests.length;
    await target.waitFor((requests) => requests.length > resumed + 20);
    await second.stop();

    const patient = await runsOf(client, 'patient');
    patient.forEach(({ scheduled_for: at }, place) => {
      if (place > 0) expect(at - patient[place - 1]?.scheduled_for).toBe(250);
    });
    expect((await runsOf(client, 'skip')).filter(({ trigger }) => trigger === 'catch_up')).toEqual([]);
    for (const [id, fired] of [
      ['skip', 0],
      ['fire-once', 1],
      ['fire-all', 3],
    ] as const) {
      const runs = await runsOf(client, id);
      expect(runs.filter(({ trigger }) => trigger === 'catch_up')).toHaveLength(fired);
      const [miss, ...more] = await client.query(
        `select e.data as changes from events e join tasks t on t.uid = e.task_uid where t.id = $1 and e.type = 'missed'`,
        [id],
      );
      expect(more).toEqual([]);
      // Every instant between the first and the last run has its run or is part of the miss.
      const { from, to, count } = miss?.changes ?? {};
      const instants = runs.map(({ scheduled_for: at }) => at.getTime() as number);
      const span = (Math.max(...instants) - Math.min(...instants)) / 250 + 1;
      expect(instants.length + count).toBe(span);
      expect((Date.parse(to) - Date.parse(from)) / 250 + 1).toBe(count);
      expect(instants.some((at) => at >= Date.parse(from) && at <= Date.parse(to))).toBe(false);
    }
    await client.end();
  });

  test('a single instant that passed meanwhile fires once, and the task is completed', async () => {
    const database = await createDatabase();
    const client = await connect(database.url);
    const first = await start({ DATABASE_URL: database.url });
    const create = (id: string, policy: string) =>
      first.http
        .post('/tasks')
        .send({ id, schedule: { delay: '1s' }, misfire: { grace: '100ms', policy }, target: `${target.url}/${id}` })
        .expect(201);
    await Promise.all([create('late', 'fire_once'), create('never', 'skip')]);
    first.kill('SIGKILL');
    await first.exited;
    await outlast(Date.now() + 2_000);
    const second = await start({ DATABASE_URL: database.url });
    const status = async (id: string) => (await second.http.get(`/tasks/${id}`)).body.status;
    await poll(async () => (await status('late')) === 'completed' && (await status('never')) === 'completed', {
      what: 'completion',
    });
    expect(await runsOf(client, 'late')).toMatchObject([{ trigger: 'catch_up' }]);
    expect(await runsOf(client, 'never')).toEqual([]);
    await second.stop();
    await client.end();
  });
});

/** A task every second, and ten instants of it that are yet to come. */
async function everySecond(id: string, env: Record<string, string>, client: Client) {
  const replica = await start(env);
  const { body } = await replica.http
    .post('/tasks')
    .send({ id, schedule: '* * * * * *', overlap: 'allow', target: `${target.url}/${id}` })
    .expect(201);
  const next = Date.parse(body.nextRunAt) + 2_000;
  const instants = Array.from({ length: 10 }, (_, place) => next + place * 1_000);
  const [{ uid, cluster }] = (await client.query('select uid, cluster.id as cluster from tasks, cluster')) as [
    { uid: string; cluster: string },
  ];
  const runIds = createRunIds(cluster);
  return {
    replica,
    instants,
    runIds: instants.map((instant) => runIds.of(Number(uid), instant)),
    /**
     * When all have their runs: the median, for a machine that stands still proves nothing, of their lateness in
     * seconds.
     */
    async lateness() {
      const fired = async () => (await runsOf(client, id)).map(({ scheduled_for: at }) => at.getTime());
      await poll(async () => (await fired()).includes(instants.at(-1)), { what: 'them to be found', withinMs: 25_000 });
      expect(await fired()).toEqual(expect.arrayContaining(instants));
      const [row] = await client.query(
        `select percentile_cont(0.5) within group (order by extract(epoch from started_at - scheduled_for)) as lateness
         from runs where scheduled_for = any($1)`,
        [instants.map((instant) => new Date(instant))],
      );
      return (row as { lateness: number }).lateness;
    },
  };
}

describe.skipIf(noPostgres || noRedis)('a lock server that refuses everybody', () => {
  test('loses no occurrence and leaves none to the sweep', async () => {
    const [database, redis] = await Promise.all([createDatabase(), createRedis()]);
    const client = await connect(database.url);
    const env = { DATABASE_URL: database.url, REDIS_URL: redis.url };
    const { replica, runIds, lateness } = await everySecond('refused', env, client);
    const [{ id: cluster }] = (await client.query('select id from cluster')) as [{ id: string }];
    const { Redis } = await import('ioredis');
    const connection = new Redis(redis.url);
    for (const runId of runIds)
      await connection.set(`punctual:{${cluster}}:run:${runId}`, 'somebody else', 'PX', 60_000);
    connection.disconnect();
    const seconds = await lateness();
    expect(seconds).toBeGreaterThanOrEqual(0.5);
    // The sweep would come after two.
    expect(seconds).toBeLessThan(2);
    await replica.stop();
    await client.end();
  });
});

describe.skipIf(noPostgres)('a claim that leaves nothing behind', () => {
  test('loses no occurrence and delays none by more than 5 s: each is found, repaired and counted', async () => {
    const database = await createDatabase();
    const client = await connect(database.url);
    const { replica, runIds, lateness } = await everySecond('vanished', { DATABASE_URL: database.url }, client);
    // The rows of these claims are not inserted, as if somebody else had them.
    await client.query('create table vanishing (id uuid primary key)');
    await client.query('insert into vanishing select unnest($1::uuid[])', [runIds]);
    await client.query(`create function vanish() returns trigger language plpgsql as $$
      begin
        if new.owner is not null and exists (select from vanishing where id = new.id) then return null; end if;
        return new;
      end $$`);
    await client.query('create trigger vanish before insert on runs for each row execute function vanish()');
    const seconds = await lateness();
    expect(seconds).toBeGreaterThan(2);
    expect(seconds).toBeLessThan(5);
    const { text } = await replica.http.get('/metrics').expect(200);
    expect(Number(/^scheduler_sweep_found_total\{outcome="repaired"\} (\d+)/m.exec(text)?.[1])).toBeGreaterThanOrEqual(
      runIds.length,
    );
    await replica.stop();
    await client.end();
  });
});
