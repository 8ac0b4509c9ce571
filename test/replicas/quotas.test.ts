import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { noPostgres } from '../services/provided.ts';
import { startTwoReplicas } from '../services/two-replicas.ts';
import { startTarget, status, type Target } from '../target.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** Two replicas on one database, with a Redis where there is one. */
async function startTwo() {
  const { one, two, databaseUrl } = await startTwoReplicas({ LEASE_TTL: '1s' });
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const query = async (text: string) => (await client.query(text)).rows;
  const count = async (condition: string): Promise<number> =>
    (await query(`select count(*)::integer as count from runs where ${condition}`))[0].count;
  return {
    ...{ one, two, count },
    /** The most that were ever running at once, by the database, until `over`. */
    async watch(over: () => Promise<boolean>): Promise<number> {
      let most = 0;
      await poll(
        async () => {
          most = Math.max(most, await count(`namespace = 'a' and status = 'running'`));
          return over();
        },
        { what: 'all runs to be over', withinMs: 60_000 },
      );
      return most;
    },
    setQuotas: (quotas: object) => one.http.put('/namespaces/a').send({ quotas }),
    async end() {
      await client.end();
      await Promise.all([one.stop(), two.stop()]);
    },
  };
}

type Two = Awaited<ReturnType<typeof startTwo>>;

const live = `status in ('pending', 'retrying', 'running')`;

/** So many tasks of the namespace `a`, due once at this instant. */
async function makeOnce({ one, two }: Two, prefix: string, count: number, at: Date, more: object = {}): Promise<void> {
  for (let start = 0; start < count; start += 500) {
    const items = Array.from({ length: Math.min(500, count - start) }, (_, place) => ({
      ...{ id: `${prefix}-${start + place}`, schedule: { at: at.toISOString() } },
      ...{ target: `${target.url}/${prefix}/${start + place}`, ...more },
    }));
    const { http } = start % 1_000 === 0 ? one : two;
    await http.post('/ns/a/tasks/batch').send({ items }).expect(200);
  }
}

const callsOf = (prefix: string) => target.requests.filter(({ path }) => path.startsWith(`/${prefix}/`));

describe.skipIf(noPostgres)('a quota of runs at once', { timeout: 180_000 }, () => {
  test('lets all of a flood run, each once, and never more at once', async () => {
    const two = await startTwo();
    let under = 0;
    let most = 0;
    target.setBehaviour((response, request, socket) => {
      most = Math.max(most, ++under);
      response.once('close', () => under--);
      status(200)(response, request, socket);
    });
    await two.setQuotas({ concurrentRuns: 10 }).expect(201);
    await makeOnce(two, 'flood', 2_000, new Date(Date.now() + 6_000));
    const mostRunning = await two.watch(async () => (await two.count(`status = 'succeeded'`)) === 2_000);
    expect(await two.count(`status <> 'succeeded' or attempt <> 1`)).toBe(0);
    await two.end();
    const paths = callsOf('flood').map(({ path }) => path);
    expect(paths).toHaveLength(2_000);
    expect(new Set(paths).size).toBe(2_000);
    expect(most).toBeLessThanOrEqual(10);
    expect(mostRunning).toBeLessThanOrEqual(10);
  });

  test('keeps no slot of a replica that is killed', async () => {
    const two = await startTwo();
    target.setBehaviour(status(200));
    await two.setQuotas({ concurrentRuns: 4 }).expect(201);
    const retry = { maxAttempts: 2, minBackoff: '10ms', maxBackoff: '10ms' };
    await makeOnce(two, 'killed', 600, new Date(Date.now() + 3_000), { retry });
    await target.waitFor(() => callsOf('killed').length > 100, 30_000);
    two.one.kill('SIGKILL');
    await two.one.exited;
    const mostRunning = await two.watch(async () => (await two.count(live)) === 0);
    expect(mostRunning).toBeLessThanOrEqual(4);
    expect(await two.count(`status = 'succeeded'`)).toBe(600);
    await two.end();
  });

  test('takes hold and lets go while the tasks fire on both, and no run is lost or stuck', async () => {
    const two = await startTwo();
    target.setBehaviour(status(200));
    await two.setQuotas({}).expect(201);
    const now = Date.now();
    for (const [place, prefix] of ['w', 'x', 'y', 'z'].entries())
      await makeOnce(two, prefix, 250, new Date(now + 4_000 + place * 700), { overlap: 'allow' });
    let made = 1_000;
    let id = 0;
    for (const quotas of [{ concurrentRuns: 5 }, {}, { concurrentRuns: 3 }, { concurrentRuns: 8 }, {}]) {
      const more = [two.one, two.two].map(({ http }) =>
        http
          .post('/ns/a/tasks')
          .send({ id: `more-${id++}`, schedule: { delay: '200ms' }, target: `${target.url}/more/` })
          .expect(201),
      );
      made += more.length;
      await Promise.all([two.setQuotas(quotas).expect(200), ...more]);
      await target.waitFor(() => callsOf('w').length >= Math.min(250, id * 20), 30_000);
    }
    await two.watch(async () => (await two.count(`status = 'succeeded'`)) === made);
    expect(await two.count(`status <> 'succeeded'`)).toBe(0);
    await two.end();
  });
});
