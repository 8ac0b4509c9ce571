import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { startReplica } from '../services/process.ts';
import { noPostgres } from '../services/provided.ts';
import { delay, hang, startTarget, type Target } from '../target.ts';
import { type Http, startReady } from './process/ready.ts';

const hour = 3_600_000;

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** A database whose clock can be set: a function of that name stands before the built-in one. */
async function createTimeMachine() {
  const { url } = await createDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  const name = (await client.query('select current_database() as name')).rows[0].name;
  await client.query(`
    create table clock (shift interval not null);
    insert into clock values ('0');
    create function public.clock_timestamp() returns timestamptz language sql volatile
      as 'select pg_catalog.clock_timestamp() + shift from public.clock';
    alter database ${name} set search_path = public, pg_catalog`);
  return {
    url,
    query: async (text: string) => (await client.query(text)).rows,
    set: (ms: number) => client.query(`update clock set shift = $1 * interval '1 millisecond'`, [ms]),
  };
}

const healthOf = async ({ http }: { http: Http }) => {
  const { status, body } = await http.get('/readyz');
  return { status, clock: body.failing.clock as string | undefined };
};
const untilHeld = (replica: { http: Http }) =>
  poll(async () => (await healthOf(replica)).clock, { what: 'the jump to be noticed' });
const untilReady = (replica: { http: Http }) =>
  poll(async () => (await healthOf(replica)).status === 200, { what: 'the replica to be ready' });

describe.skipIf(noPostgres)("the database's clock", () => {
  test.each([
    ['forward', hour],
    ['back', -hour],
  ])(
    'jumping %s by an hour fires nothing, ends nothing, and is told; and all goes on when it is back',
    {
      timeout: 60_000,
    },
    async (direction, jump) => {
      const machine = await createTimeMachine();
      const env = { DATABASE_URL: machine.url, LEASE_TTL: '2s' };
      const replicas = await Promise.all([startReady({ env }), startReady({ env })]);
      const [one, other] = replicas;
      const create = (task: object) =>
        one.http
          .post('/tasks')
          .send({ overlap: 'allow', ...task })
          .expect(201);
      const beat = `/beat-${direction}`;
      await create({ id: 'beat', schedule: '@every 250ms', target: target.url + beat });
      target.setBehaviour('/slow', hang());
      const slow = { schedule: { manual: true }, timeout: '50s', target: `${target.url}/slow` };
      await create({ id: 'slow', ...slow, retry: { maxAttempts: 3 } });
      const before = target.requests.length;
      const { body: running } = await one.http.post('/tasks/slow/trigger').expect(202);
      await target.waitFor((requests) => requests.slice(before).filter(({ path }) => path === '/slow').length === 1);
      const beats = () => target.requests.filter(({ path }) => path === beat).length;
      await target.waitFor(() => beats() >= 8);

      await machine.set(jump);
      for (const replica of replicas)
        expect(await untilHeld(replica)).toMatch(
          `the database's clock jumped ${direction} by 3600 s: no occurrence is fired`,
        );
      const atRest = beats();
      // Longer than a lease, by several renewals.
      const renewals = async () =>
        (await machine.query(`select min(extract(epoch from heartbeat_at))::float8 as at from replicas`))[0]
          .at as number;
      const since = await renewals();
      await poll(async () => (await renewals()) > since + 4, { what: 'some renewals' });
      // What was under way when the jump was noticed may have been fired since.
      expect(beats() - atRest).toBeLessThanOrEqual(2);
      for (const { logs, http } of replicas) {
        expect(logs().filter(({ level, msg }) => level === 'error' && `${msg}`.includes('clock jumped'))).toHaveLength(
          1,
        );
        expect((await http.get('/metrics')).text).toMatch(/^scheduler_clock_jumped 1$/m);
        expect((await http.get('/cluster').expect(200)).body.clock).toMatch(direction);
      }
      // Nobody took the running attempt for that of a dead replica; what is asked for by hand is done.
      expect((await one.http.get(`/runs/${running.id}`)).body).toMatchObject({ status: 'running', attempt: 1 });
      target.setBehaviour('/slow', delay(10));
      const { body: asked } = await other.http.post('/tasks/slow/trigger').expect(202);
      await poll(async () => (await one.http.get(`/runs/${asked.id}`)).body.status === 'succeeded', {
        what: 'the run that was asked for',
      });
      expect(await machine.query(`select from events where type = 'missed'`)).toEqual([]);

      await machine.set(0);
      for (const replica of replicas) await untilReady(replica);
      const resumed = beats();
      await target.waitFor(() => beats() >= resumed + 8);
      expect((await one.http.get('/cluster').expect(200)).body.clock).toBeNull();
      expect((await one.http.get(`/runs/${running.id}`)).body).toMatchObject({ status: 'running', attempt: 1 });
      await one.http.post(`/runs/${running.id}/cancel`).expect(202);
      for (const replica of replicas) await replica.stop();
      // One run for each instant, without a hole where the clock was away, and none where it had jumped to.
      const instants = await machine.query(`
      select scheduled_for - lag(scheduled_for) over (order by scheduled_for) as gap
      from runs where trigger = 'schedule'`);
      expect(new Set(instants.slice(1).map(({ gap }) => gap.milliseconds))).toEqual(new Set([250]));
    },
  );

  test('ahead of itself is taken as it is by a replica that starts: whoever starts it says that it is right', async () => {
    const machine = await createTimeMachine();
    const env = { DATABASE_URL: machine.url, LEASE_TTL: '2s' };
    const first = await startReady({ env });
    await machine.set(hour);
    await untilHeld(first);
    await first.stop();
    const second = await startReady({ env });
    expect((await healthOf(second)).clock).toBeUndefined();
    await second.stop();
  });

  test('behind what it has said already is noticed by a replica that starts', async () => {
    const machine = await createTimeMachine();
    const env = { DATABASE_URL: machine.url, LEASE_TTL: '2s' };
    const first = await startReady({ env });
    await poll(async () => (await machine.query('select from cluster where swept_by is not null')).length === 1, {
      what: 'a sweep',
    });
    expect((await first.http.get('/cluster')).body.replicas).toMatchObject([{ duties: ['sweep'] }]);
    await first.stop();
    await machine.set(-hour);
    const replica = await startReplica({ env });
    await poll(async () => (await (await fetch(`${replica.url}/readyz`)).text()).includes('jumped back by'), {
      what: 'the jump to be noticed',
    });
    await replica.stop();
  });
});
