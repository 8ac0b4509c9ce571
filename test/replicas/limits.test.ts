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
  const query = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;
  return {
    one,
    two,
    query,
    untilQuiet: () =>
      poll(
        async () => (await query(`select from runs where status in ('pending', 'retrying', 'running')`)).length === 0,
        {
          what: 'all runs to be over',
          withinMs: 25_000,
        },
      ),
    async end() {
      await client.end();
      await Promise.all([one.stop(), two.stop()]);
    },
  };
}

/** Calls of these paths take a while; tells the most that were ever under way at once. */
function watchCalls(prefix: string, ms: number) {
  let under = 0;
  let most = 0;
  target.setBehaviour((response, request, socket) => {
    if (!request.path.startsWith(prefix)) return status(200)(response, request, socket);
    most = Math.max(most, ++under);
    let over = false;
    const end = () => {
      if (!over) under--;
      over = true;
    };
    socket.once('close', end);
    setTimeout(() => {
      end();
      status(200)(response, request, socket);
    }, ms);
  });
  return { most: () => most, under: () => under };
}

const callsOf = (prefix: string) => target.requests.filter(({ path }) => path.startsWith(prefix));

describe.skipIf(noPostgres)('two replicas', () => {
  test('never have more calls under way than a key allows, and a killed one gives its places free', async () => {
    const { one, two, query, untilQuiet, end } = await startTwo();
    const watched = watchCalls('/shared/', 60);
    const limits = {
      concurrency: { key: 'shared', limit: 4 },
      overlap: 'allow',
      misfire: { policy: 'skip', grace: '1m' },
    };
    const tasks = Array.from({ length: 5 }, (_, place) => ({
      id: `shared-${place}`,
      schedule: '@every 300ms',
      // No task may have the key for itself alone.
      ...(place === 0 && { maxConcurrency: 2 }),
      ...limits,
      target: `${target.url}/shared/${place}`,
      retry: { maxAttempts: 2, minBackoff: '10ms', maxBackoff: '10ms' },
    }));
    await one.http.post('/tasks/batch').send({ items: tasks }).expect(200);
    for (let round = 0; round < 10; round++)
      await Promise.all(
        [one, two, one, two].map(({ http }, place) => http.post(`/tasks/shared-${place}/trigger`).expect(202)),
      );
    await target.waitFor(() => callsOf('/shared/').length > 60);
    await poll(async () => (await query(`select from runs where status = 'running'`)).length === 4, {
      what: 'all places to be taken',
    });
    one.kill('SIGKILL');
    await one.exited;
    const sofar = callsOf('/shared/').length;
    // More than were under way: the dead one's places are used again.
    await target.waitFor(() => callsOf('/shared/').length > sofar + 40, 20_000);
    await poll(async () => (await query(`select from runs where status = 'running'`)).length === 4, {
      what: 'all places to be taken again',
    });
    await Promise.all(tasks.map(({ id }) => two.http.post(`/tasks/${id}/stop`).send({ cancel: 'none' }).expect(200)));
    await untilQuiet();
    const lost = await query(`select from runs where status not in ('succeeded', 'lost')`);
    await end();
    expect(watched.most()).toBeLessThanOrEqual(4);
    expect(lost).toEqual([]);
  });

  test('begin no more in any period than a rate allows', async () => {
    const { one, two, query, untilQuiet, end } = await startTwo();
    watchCalls('/rated/', 5);
    const rate = { key: 'rated', limit: 5, period: '400ms' };
    for (const id of ['rated-0', 'rated-1'])
      await one.http
        .post('/tasks')
        .send({ id, schedule: { manual: true }, overlap: 'allow', rate, target: `${target.url}/rated/${id}` })
        .expect(201);
    await Promise.all(
      Array.from({ length: 60 }, (_, place) =>
        [one, two][place % 2]?.http.post(`/tasks/rated-${place % 2}/trigger`).expect(202),
      ),
    );
    await untilQuiet();
    const [limit] = await query('select starts from limits');
    await end();
    const starts: number[] = limit.starts.map(Number);
    expect(callsOf('/rated/')).toHaveLength(60);
    expect(starts).toHaveLength(60);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    for (const start of starts)
      expect(starts.filter((other) => other > start - 400 && other <= start).length).toBeLessThanOrEqual(5);
  });

  test('use a place that is given free at once', async () => {
    const { one, two, query, untilQuiet, end } = await startTwo();
    watchCalls('/chain', 20);
    await one.http
      .post('/tasks')
      .send({
        id: 'chain',
        schedule: { manual: true },
        overlap: 'allow',
        maxConcurrency: 1,
        target: `${target.url}/chain`,
      })
      .expect(201);
    await Promise.all(
      Array.from({ length: 40 }, (_, place) => [one, two][place % 2]?.http.post('/tasks/chain/trigger').expect(202)),
    );
    await untilQuiet();
    const [span] = await query(
      'select extract(epoch from max(finished_at) - min(started_at))::float8 as seconds, count(*)::integer as runs from runs',
    );
    await end();
    expect(span.runs).toBe(40);
    // Each waits for the one before: with a look a second from each of the two it would be twenty at least.
    expect(span.seconds).toBeLessThan(18);
  });

  test('carry out other tasks while thousands of runs wait for their limits', async () => {
    const { one, two, query, end } = await startTwo();
    watchCalls('/none', 5);
    const rate = { key: 'backlog', limit: 1, period: '1h' };
    const tasks = [
      { id: 'backlog', schedule: { manual: true }, overlap: 'allow', rate, target: `${target.url}/backlog` },
      { id: 'plain', schedule: '@every 200ms', target: `${target.url}/plain` },
      { id: 'asked', schedule: { manual: true }, target: `${target.url}/asked` },
    ];
    await one.http.post('/tasks/batch').send({ items: tasks }).expect(200);
    await query(
      `insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, effective_due_at, attempt, max_attempts, created_at, limit_group)
       select gen_random_uuid(), t.uid, 'manual', 'pending', now(), now(), now() - interval '90 seconds', 0, 1, now(), t.limit_group
       from tasks t, generate_series(1, 5000) where t.id = 'backlog'`,
    );
    await target.waitFor(() => callsOf('/backlog').length === 1);
    const before = callsOf('/plain').length;
    for (let round = 0; round < 5; round++)
      for (const { http } of [one, two]) {
        const { body } = await http.post('/tasks/asked/trigger').set('prefer', 'wait=10').expect(202);
        expect(body.status).toBe('succeeded');
      }
    await target.waitFor(() => callsOf('/plain').length >= before + 10);
    await two.http.post('/tasks/plain/stop').expect(200);
    const [late] = await query(
      `select max(extract(epoch from r.started_at - r.scheduled_for))::float8 as seconds
       from runs r join tasks t on t.uid = r.task_uid where t.id = 'plain' and r.status = 'succeeded'`,
    );
    const waiting = await query(`select from runs where status = 'pending'`);
    await end();
    expect(late.seconds).toBeLessThan(5);
    expect(waiting).toHaveLength(4_999);
    expect(callsOf('/backlog')).toHaveLength(1);
  });
});
