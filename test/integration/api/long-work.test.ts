import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { hang, startTarget, status, type Target } from '../../target.ts';
import { type ApiProcess, type Body, startApiProcess } from './client.ts';

/** A process, because one test kills it. */
let api: ApiProcess;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApiProcess(), startTarget()]);
});
afterAll(() => target.close());

const accept = status(202, 'will do');

/** A run whose target has answered 202, and the token that its call had. */
async function accepted(id: string, more: Body = {}) {
  target.setBehaviour(`/${id}`, accept);
  await api.createManual(id, { target: `${target.url}/${id}`, heartbeatTimeout: '30s', ...more });
  const run = (await api.http.post(`/tasks/${id}/trigger`).expect(202)).body;
  await expect.poll(() => read(run.id)).toMatchObject({ status: 'running', heartbeatDueAt: expect.any(String) });
  return { run, token: tokenOf(id) };
}

function tokenOf(id: string): string {
  return String(target.requests.filter(({ path }) => path === `/${id}`).at(-1)?.headers['x-run-token']);
}

const read = async (id: string): Promise<Body> => (await api.http.get(`/runs/${id}`).expect(200)).body;
const complete = (id: string, token: string, body: object = {}) =>
  api.http.post(`/runs/${id}/complete`).set('x-run-token', token).send(body);
const heartbeat = (id: string, token: string, body: object = {}) =>
  api.http.post(`/runs/${id}/heartbeat`).set('x-run-token', token).send(body);

describe('a target that answers 202', () => {
  test('completes its run later, with an output', async () => {
    const { run, token } = await accepted('later');
    expect((await read(run.id)).attempts).toMatchObject([{ attempt: 1, status: 'running', httpStatus: 202 }]);
    const { body } = await complete(run.id, token, { output: { rows: 7 } }).expect(200);
    expect(body).toMatchObject({
      status: 'succeeded',
      error: null,
      heartbeatDueAt: null,
      result: { httpStatus: 202, output: '{"rows":7}', truncated: false },
    });
    expect(body.attempts).toHaveLength(1);
    expect(body.attempts[0]).toMatchObject({ attempt: 1, status: 'succeeded', httpStatus: 202 });
    expect(await read(run.id)).toEqual(body);
    await complete(run.id, token).expect(409);
    await heartbeat(run.id, token).expect(409);
  });

  test('may complete before its 202 has been read', async () => {
    target.setBehaviour('/early', async (response, request, socket) => {
      await complete(String(request.headers['x-run-id']), String(request.headers['x-run-token'])).expect(200);
      accept(response, request, socket);
    });
    await api.createManual('early', { target: `${target.url}/early`, heartbeatTimeout: '1s' });
    const { body } = await api.http.post('/tasks/early/trigger').set('prefer', 'wait=10').expect(202);
    expect(body.status).toBe('succeeded');
    await expect.poll(async () => (await api.http.get('/cluster')).body.replicas[0].running).toBe(0);
    expect(await read(body.id)).toEqual(body);
  });

  test('shows its progress, and is alive as long as it is heard of', async () => {
    const { run, token } = await accepted('alive', { heartbeatTimeout: '1500ms' });
    const first = Date.parse((await read(run.id)).heartbeatDueAt);
    for (const progress of [0.25, { done: 3, of: 4 }, 'nearly']) {
      expect((await heartbeat(run.id, token, { progress }).expect(200)).body).toMatchObject({ progress });
    }
    await poll(async () => (await heartbeat(run.id, token).expect(200)) && Date.now() > first + 500, {
      what: 'a run that outlives its first heartbeat timeout',
      everyMs: 200,
    });
    const run2 = (await heartbeat(run.id, token).expect(200)).body;
    expect(run2).toMatchObject({ status: 'running', progress: 'nearly' });
    expect(Date.parse(run2.heartbeatDueAt)).toBeGreaterThan(first);
    await complete(run.id, token).expect(200);
  });

  test('is given up when it is not heard of in time, and its token with it', async () => {
    const { run, token } = await accepted('silent', {
      heartbeatTimeout: '300ms',
      retry: { maxAttempts: 2, minBackoff: '10ms', maxBackoff: '10ms' },
    });
    await expect.poll(async () => (await read(run.id)).attempt, { timeout: 10_000 }).toBe(2);
    await expect.poll(() => tokenOf('silent')).not.toBe(token);
    await complete(run.id, token).expect(409);
    const over = await api.runOver(run.id);
    expect(over).toMatchObject({ status: 'timed_out', attempt: 2 });
    expect(over.attempts).toMatchObject([
      {
        attempt: 1,
        status: 'timed_out',
        httpStatus: 202,
        error: { kind: 'timeout', message: 'no heartbeat within 300ms' },
      },
      { attempt: 2, status: 'timed_out', httpStatus: 202 },
    ]);
  });

  test('may fail, and is called again while attempts are left and it does not say otherwise', async () => {
    const { run, token } = await accepted('fails', {
      retry: { maxAttempts: 3, minBackoff: '10ms', maxBackoff: '10ms' },
    });
    const failed = await complete(run.id, token, { status: 'failed', error: 'disk full' }).expect(200);
    expect(failed.body).toMatchObject({ status: 'retrying', error: { kind: 'rejected', message: 'disk full' } });
    await expect.poll(() => read(run.id)).toMatchObject({ attempt: 2, heartbeatDueAt: expect.any(String) });
    const { body } = await complete(run.id, tokenOf('fails'), { status: 'failed', retry: false }).expect(200);
    expect(body).toMatchObject({ status: 'failed', attempt: 2 });
    expect(body.attempts).toMatchObject([{ status: 'failed' }, { status: 'failed' }]);
  });

  test('is cancelled at once, and hears of it with its next sign of life', async () => {
    const { run, token } = await accepted('cancelled');
    await api.http.post(`/runs/${run.id}/cancel`).expect(202);
    expect(await read(run.id)).toMatchObject({
      status: 'cancelled',
      attempts: [{ attempt: 1, status: 'cancelled', finishedAt: expect.any(String) }],
    });
    expect((await heartbeat(run.id, token).expect(409)).body.detail).toContain('cancelled');
  });

  test('ends with its task where that is stopped with cancel: all', async () => {
    const { run } = await accepted('stopped', { schedule: '@yearly' });
    await api.http.post('/tasks/stopped/stop').send({ cancel: 'all' }).expect(200);
    expect(await read(run.id)).toMatchObject({ status: 'cancelled' });
  });

  test('is not called again, and not lost, when its replica dies meanwhile', async () => {
    const { run, token } = await accepted('survivor');
    await api.restart();
    expect(await read(run.id)).toMatchObject({ status: 'running' });
    await complete(run.id, token).expect(200);
    expect(target.requests.filter(({ path }) => path === '/survivor')).toHaveLength(1);
  });
});

describe('a 202', () => {
  test('is a success like any other where the task says nothing of long work, and no token is sent', async () => {
    target.setBehaviour('/plain', accept);
    await api.createManual('plain', { target: `${target.url}/plain` });
    const { body } = await api.http.post('/tasks/plain/trigger').set('prefer', 'wait=10').expect(202);
    expect(body).toMatchObject({ status: 'succeeded', result: { httpStatus: 202, output: 'will do' } });
    expect(target.requests.find(({ path }) => path === '/plain')?.headers).not.toHaveProperty('x-run-token');
    await complete(body.id, '1.x').expect(403);
  });
});

describe('a token', () => {
  test('is asked for, and opens its own run only', async () => {
    const one = await accepted('one');
    const two = await accepted('two');
    await api.http.post(`/runs/${one.run.id}/complete`).expect(401);
    await complete(one.run.id, two.token).expect(403);
    await complete('0199aaaa-0000-7000-8000-000000000000', one.token).expect(403);
    await complete('nonsense', one.token).expect(403);
    const bearer = api.http.post(`/runs/${one.run.id}/complete`).set('authorization', `Bearer ${one.token}`);
    await bearer.expect(200);
    await complete(two.run.id, two.token).expect(200);
  });

  test('comes with bodies that are checked', async () => {
    const { run, token } = await accepted('checked');
    await complete(run.id, token, { status: 'lost' }).expect(400);
    await complete(run.id, token, { odd: 1 }).expect(400);
    await heartbeat(run.id, token, { progress: 'x'.repeat(5_000) }).expect(400);
    await heartbeat(run.id, token, { progress: 'a\u0000b' }).expect(400);
    const { body } = await complete(run.id, token, { output: `${'é'.repeat(9_000)}\u0000` }).expect(200);
    expect(body.result).toMatchObject({ truncated: true });
    expect(Buffer.byteLength(body.result.output)).toBe(16 * 1024);
  });
});

describe('the total time of a run', () => {
  test('cuts its attempts short, and lets no other begin', async () => {
    target.setBehaviour('/total', hang());
    await api.createManual('total', {
      target: `${target.url}/total`,
      timeout: '20s',
      retry: { maxAttempts: 9, maxDuration: '700ms', minBackoff: '10ms', maxBackoff: '10ms', jitter: 0 },
    });
    const { body } = await api.http.post('/tasks/total/trigger').set('prefer', 'wait=20').expect(202);
    expect(body).toMatchObject({ status: 'timed_out', attempt: 1, error: { kind: 'timeout' } });
    expect(body.durationMs).toBeGreaterThanOrEqual(690);
  });
});

describe('an answer of 489', () => {
  test('is not asked again', async () => {
    target.setBehaviour('/enough', status(489, 'never again'));
    await api.createManual('enough', {
      target: `${target.url}/enough`,
      retry: { maxAttempts: 5, minBackoff: '10ms', maxBackoff: '10ms' },
    });
    const { body } = await api.http.post('/tasks/enough/trigger').set('prefer', 'wait=20').expect(202);
    expect(body).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { kind: 'rejected' },
      result: { httpStatus: 489 },
    });
  });
});
