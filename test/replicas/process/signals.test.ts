import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { noPostgres } from '../../services/provided.ts';
import { delay, hang, startTarget, status, type Target } from '../../target.ts';
import { type Http, runOver, startReady } from './ready.ts';

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** Creates a task that is run by hand and runs it; answers with the run's id once the target has been called. */
async function start(http: Http, id: string, more: object = {}): Promise<string> {
  const task = { id, schedule: { manual: true }, timeout: '1m', target: `${target.url}/${id}`, ...more };
  await http.post('/tasks').send(task).expect(201);
  const { body } = await http.post(`/tasks/${id}/trigger`).expect(202);
  await target.waitFor((requests) => requests.some(({ path }) => path === `/${id}`));
  return body.id;
}

describe.skipIf(noPostgres)('SIGTERM', () => {
  test('lets running attempts finish and writes down how they ended', { timeout: 60_000 }, async () => {
    const env = { DATABASE_URL: (await createDatabase()).url };
    const replica = await startReady({ env });
    let finish = () => {};
    target.setBehaviour('/slow', (response) => {
      finish = () => void response.end('done');
    });
    const run = await start(replica.http, 'slow');
    replica.kill('SIGTERM');
    // Not ready at once, for whoever still asks; a balancer's next request goes elsewhere.
    await poll(
      async () => {
        const response = await replica.http.get('/readyz');
        return response.status === 503 && response.body.failing.shutdown !== undefined;
      },
      { what: 'the replica not to be ready' },
    );
    finish();
    expect(await replica.exited).toBe(0);
    const other = await startReady({ env });
    expect((await other.http.get(`/runs/${run}`).expect(200)).body).toMatchObject({
      status: 'succeeded',
      attempt: 1,
      result: { output: 'done' },
    });
    expect((await other.http.get('/cluster').expect(200)).body.replicas).toHaveLength(1);
  });

  test('hands back what is not done in time: to its next attempt where one is left, else lost', {
    timeout: 60_000,
  }, async () => {
    const env = { DATABASE_URL: (await createDatabase()).url, SHUTDOWN_GRACE: '1s' };
    const replica = await startReady({ env });
    for (const id of ['again', 'never']) target.setBehaviour(`/${id}`, hang());
    const again = await start(replica.http, 'again', { retry: { maxAttempts: 2 } });
    const never = await start(replica.http, 'never', { retry: { maxAttempts: 1 } });
    const call = target.requests.find(({ path }) => path === '/again');
    const asked = performance.now();
    replica.kill('SIGTERM');
    expect(await replica.exited).toBe(0);
    expect(performance.now() - asked).toBeGreaterThan(900);
    await call?.closed;
    target.setBehaviour('/again', status(200));
    const other = await startReady({ env });
    expect(await runOver(other.http, again)).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      attempts: [
        { attempt: 1, status: 'lost' },
        { attempt: 2, status: 'succeeded' },
      ],
    });
    expect(await runOver(other.http, never)).toMatchObject({ status: 'lost', attempt: 1, error: { kind: 'lost' } });
    expect(target.requests.filter(({ path }) => path === '/never')).toHaveLength(1);
  });

  test('twice ends it at once', { timeout: 60_000 }, async () => {
    const replica = await startReady({ env: { DATABASE_URL: (await createDatabase()).url, SHUTDOWN_GRACE: '5m' } });
    target.setBehaviour('/stuck', hang());
    await start(replica.http, 'stuck');
    replica.kill('SIGTERM');
    await poll(() => replica.logs().some(({ msg }) => msg === 'shutting down'), {
      what: 'the first signal to be heard',
    });
    replica.kill('SIGTERM');
    expect(await replica.exited).toBe(1);
  });

  test('answers the requests that were under way', { timeout: 60_000 }, async () => {
    const replica = await startReady({ env: { DATABASE_URL: (await createDatabase()).url } });
    target.setBehaviour('/waited-for', delay(1_500));
    await replica.http
      .post('/tasks')
      .send({ id: 'waited-for', schedule: { manual: true }, target: `${target.url}/waited-for` })
      .expect(201);
    const answer = replica.http
      .post('/tasks/waited-for/trigger')
      .set('prefer', 'wait=20')
      .then((response) => response);
    await target.waitFor((requests) => requests.some(({ path }) => path === '/waited-for'));
    replica.kill('SIGTERM');
    expect((await answer).body).toMatchObject({ status: 'succeeded' });
    expect(await replica.exited).toBe(0);
  });
});

test('a connection on which no request has come does not hold a stop up', { timeout: 60_000 }, async () => {
  const { url } = await createDatabase();
  const replica = await startReady({ env: { DATABASE_URL: url } });
  const silent = connect(Number(new URL(replica.url).port), '127.0.0.1');
  await once(silent, 'connect');
  const closed = once(silent, 'close');
  // The time limit for the headers of a request is ten seconds: without an end of its own the stop would take that long.
  expect(await replica.stop(8_000)).toBe(0);
  await closed;
});
