import type { Response } from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hang, startTarget, status, type Target } from '../../target.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());
beforeEach(() => target.setBehaviour(status(200)));

const at = (path: string) => `${target.url}${path}`;

describe('a task that is due', () => {
  test('calls its target at every instant, once, and each call is written down', async () => {
    await api.http
      .post('/tasks')
      .send({ id: 'ticking', schedule: '@every 200ms', target: at('/ticking') })
      .expect(201);
    const runs = await api.runsOf('ticking', (found) => found.filter((run) => run.status === 'succeeded').length >= 5);
    await api.http.post('/tasks/ticking/stop').expect(200);
    const instants = runs.map((run) => Date.parse(run.scheduledFor)).reverse();
    instants.forEach((instant, place) => {
      if (place > 0) expect(instant - (instants[place - 1] as number)).toBe(200);
    });
    const done = runs.find((run) => run.status === 'succeeded');
    expect(done).toMatchObject({
      taskId: 'ticking',
      trigger: 'schedule',
      attempt: 1,
      maxAttempts: 1,
      error: null,
      reason: null,
      result: { httpStatus: 200, truncated: false },
      attempts: [{ attempt: 1, status: 'succeeded', httpStatus: 200, error: null }],
    });
    expect(done?.latenessMs).toBeGreaterThanOrEqual(0);
    expect(done?.durationMs).toBe(Date.parse(done?.finishedAt) - Date.parse(done?.startedAt));
    const calls = target.requests.filter((request) => request.path === '/ticking');
    expect(new Set(calls.map((call) => call.headers['x-run-id'])).size).toBe(calls.length);
    const first = calls[0];
    expect(first?.headers).toMatchObject({ 'x-task-id': 'ticking', 'x-attempt': '1', 'x-trigger': 'schedule' });
    expect(first?.headers['idempotency-key']).toBe(first?.headers['x-run-id']);
    expect(JSON.parse(first?.body ?? '')).toMatchObject({ taskId: 'ticking', attempt: 1, trigger: 'schedule' });
  });

  test('fires at the instants that `next` told', async () => {
    await api.http
      .post('/tasks')
      .send({ id: 'told', schedule: '* * * * * *', target: at('/told') })
      .expect(201);
    const { body } = await api.http.get('/tasks/told/next?count=3').expect(200);
    const runs = await api.runsOf('told', (found) => found.length >= 4);
    await api.http.delete('/tasks/told').expect(204);
    const fired = runs.map((run) => run.scheduledFor);
    for (const instant of body.items.slice(0, 3)) expect(fired).toContain(instant);
  });

  test('fires once where it has a single instant, and is completed', async () => {
    const { body: task } = await api.http
      .post('/tasks')
      .send({ id: 'once', schedule: { delay: '300ms' }, target: at('/once') })
      .expect(201);
    const [run] = await api.runsOf('once', (found) => found[0]?.status === 'succeeded');
    expect(run?.scheduledFor).toBe(task.schedule.at);
    const { body } = await api.http.get('/tasks/once').expect(200);
    expect(body).toMatchObject({ status: 'completed', nextRunAt: null, lastRun: { id: run?.id, status: 'succeeded' } });
    expect(target.requests.filter((request) => request.path === '/once')).toHaveLength(1);
    const { body: again } = await api.http
      .patch('/tasks/once')
      .send({ schedule: { delay: '100ms' } })
      .expect(200);
    expect(again.status).toBe('active');
    await api.runsOf('once', (found) => found.filter((one) => one.status === 'succeeded').length === 2);
  });

  test('fires a single instant that has just passed', async () => {
    const schedule = { at: new Date(Date.now() - 2_000).toISOString() };
    await api.http
      .post('/tasks')
      .send({ id: 'just-passed', schedule, target: at('/just-passed') })
      .expect(201);
    await api.runsOf('just-passed', (found) => found[0]?.status === 'succeeded');
  });

  test('stops after maxRuns', async () => {
    await api.http
      .post('/tasks')
      .send({ id: 'thrice', schedule: '@every 100ms', maxRuns: 3, target: at('/thrice') })
      .expect(201);
    const read = async () => (await api.http.get('/tasks/thrice').expect(200)).body;
    await expect.poll(async () => (await read()).status, { timeout: 10_000 }).toBe('completed');
    const runs = await api.runsOf('thrice', (found) => found.every((run) => run.status === 'succeeded'));
    expect(runs).toHaveLength(3);
  });

  test('does not run twice at once', async () => {
    target.setBehaviour('/slow', (response) => void setTimeout(() => response.end(), 700));
    await api.http
      .post('/tasks')
      .send({ id: 'slow', schedule: '@every 200ms', target: at('/slow') })
      .expect(201);
    const runs = await api.runsOf('slow', (found) => found.filter((run) => run.status === 'succeeded').length >= 2);
    await api.http.post('/tasks/slow/stop').expect(200);
    const skipped = runs.filter((run) => run.status === 'skipped');
    expect(skipped.length).toBeGreaterThan(0);
    for (const run of skipped) expect(run).toMatchObject({ reason: 'overlap', startedAt: null, attempts: [] });
    const times = runs
      .filter((run) => run.startedAt && run.finishedAt)
      .map((run) => [run.startedAt, run.finishedAt])
      .sort();
    times.forEach(([started], place) => {
      if (place > 0) expect(started >= (times[place - 1]?.[1] as string)).toBe(true);
    });
  });
});

describe('stopping and deleting', () => {
  test('nothing starts once the answer is out', async () => {
    await api.http
      .post('/tasks')
      .send({ id: 'prompt', schedule: '@every 100ms', overlap: 'allow', target: at('/prompt') })
      .expect(201);
    await api.runsOf('prompt', (found) => found.length >= 2);
    await api.http.post('/tasks/prompt/stop').expect(200);
    const stopped = (await api.runsOf('prompt', () => true)).length;
    await api.http.post('/tasks/prompt/start').expect(200);
    await api.runsOf('prompt', (found) => found.length > stopped);
    await api.http.delete('/tasks/prompt').expect(204);
    const { body: then } = await api.http.get('/runs?task=prompt&limit=200').expect(200);
    // Another task of the same schedule goes on meanwhile.
    await api.http
      .post('/tasks')
      .send({ id: 'witness', schedule: '@every 100ms', overlap: 'allow', target: at('/witness') })
      .expect(201);
    await api.runsOf('witness', (found) => found.length >= 5);
    await api.http.post('/tasks/witness/stop').expect(200);
    const { body: later } = await api.http.get('/runs?task=prompt&limit=200').expect(200);
    expect(later.items.map((run: { id: string }) => run.id)).toEqual(then.items.map((run: { id: string }) => run.id));
  });
});

describe('a trigger', () => {
  test('runs a task now, also a stopped one', async () => {
    await api.createManual('by-hand', { target: at('/by-hand'), status: 'stopped' });
    const { body, headers } = await api.http.post('/tasks/by-hand/trigger').expect(202);
    expect(headers.location).toBe(`/runs/${body.id}`);
    expect(body).toMatchObject({ taskId: 'by-hand', trigger: 'manual' });
    expect(await api.runOver(body.id)).toMatchObject({ status: 'succeeded', trigger: 'manual' });
  });

  test('waits for the end when asked to', async () => {
    await api.createManual('waited', { target: at('/waited') });
    const { body, headers } = await api.http.post('/tasks/waited/trigger').set('prefer', 'wait=10').expect(202);
    expect(headers['preference-applied']).toBe('wait=10');
    expect(body.status).toBe('succeeded');
  });

  test('with an Idempotency-Key makes one run', async () => {
    await api.createManual('keyed', { target: at('/keyed'), overlap: 'allow' });
    const send = () => api.http.post('/tasks/keyed/trigger').set('idempotency-key', 'one').expect(202);
    const answers = await Promise.all([send(), send(), send(), send()]);
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    await api.runOver(answers[0]?.body.id);
    expect(target.requests.filter((request) => request.path === '/keyed')).toHaveLength(1);
  });

  test('while the last run lives is skipped, however many come in the same moment', async () => {
    target.setBehaviour('/busy', (response) => void setTimeout(() => response.end(), 400));
    await api.createManual('busy', { target: at('/busy') });
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(() => api.http.post('/tasks/busy/trigger').expect(202)));
    const over = await Promise.all(answers.map((answer) => api.runOver(answer.body.id)));
    expect(over.filter((run) => run.status === 'succeeded')).toHaveLength(1);
    expect(over.filter((run) => run.status === 'skipped' && run.reason === 'overlap')).toHaveLength(5);
  });

  test('of a task that does not exist is a 404', async () => {
    await api.http.post('/tasks/nobody/trigger').expect(404);
  });
});

describe('an attempt that goes wrong', () => {
  test.each([
    [500, 'failed', 'rejected'],
    [404, 'failed', 'rejected'],
    [503, 'failed', 'unavailable'],
    [302, 'failed', 'rejected'],
  ])('an answer of %i is %s, %s', async (code, ending, kind) => {
    target.setBehaviour(`/code-${code}`, status(code));
    await api.createManual(`code-${code}`, { target: at(`/code-${code}`) });
    const { body } = await api.http.post(`/tasks/code-${code}/trigger`).set('prefer', 'wait=10').expect(202);
    expect(body).toMatchObject({ status: ending, error: { kind }, result: { httpStatus: code } });
    expect(body.attempts).toMatchObject([{ attempt: 1, status: ending, httpStatus: code, error: { kind } }]);
  });

  test('no answer in time is timed_out', async () => {
    target.setBehaviour('/hang', hang);
    await api.createManual('hang', { target: at('/hang'), timeout: '300ms' });
    const { body } = await api.http.post('/tasks/hang/trigger').set('prefer', 'wait=10').expect(202);
    expect(body).toMatchObject({
      status: 'timed_out',
      error: { kind: 'timeout', message: 'no answer within 300ms' },
      result: null,
    });
  });

  test('nobody there is failed, unavailable', async () => {
    await api.createManual('nobody-there');
    const { body } = await api.http.post('/tasks/nobody-there/trigger').set('prefer', 'wait=10').expect(202);
    expect(body).toMatchObject({ status: 'failed', error: { kind: 'unavailable' } });
  });
});

describe('cancelling and retrying a run', () => {
  test('aborts a running attempt', async () => {
    target.setBehaviour('/endless', hang);
    await api.createManual('endless', { target: at('/endless') });
    const { body } = await api.http.post('/tasks/endless/trigger').expect(202);
    const [call] = await target.waitFor((requests) => requests.some((request) => request.path === '/endless'));
    expect(call).toBeDefined();
    await api.http.post(`/runs/${body.id}/cancel`).expect(202);
    const run = await api.runOver(body.id);
    expect(run).toMatchObject({ status: 'cancelled', error: { kind: 'cancelled' }, reason: 'cancelled by anonymous' });
    await target.requests.find((request) => request.path === '/endless')?.closed;
    await api.http.post(`/runs/${body.id}/cancel`).expect(409);
  });

  test('retry makes a new run of the same task', async () => {
    await api.createManual('again', { target: at('/again') });
    const { body: first } = await api.http.post('/tasks/again/trigger').set('prefer', 'wait=10').expect(202);
    const { body: second } = await api.http.post(`/runs/${first.id}/retry`).expect(202);
    expect(second.id).not.toBe(first.id);
    expect(await api.runOver(second.id)).toMatchObject({ status: 'succeeded', trigger: 'retry', taskId: 'again' });
  });

  test('what is no run is a 404', async () => {
    for (const id of ['nope', '00000000-0000-7000-8000-000000000000']) {
      await api.http.get(`/runs/${id}`).expect(404);
      await api.http.post(`/runs/${id}/cancel`).expect(404);
      await api.http.post(`/runs/${id}/retry`).expect(404);
    }
  });
});

describe('the history', () => {
  test('is paged and filtered, newest first', async () => {
    await api.createManual('paged', { target: at('/paged'), overlap: 'allow' });
    const made: string[] = [];
    for (let count = 0; count < 7; count++) {
      const { body } = await api.http.post('/tasks/paged/trigger').set('prefer', 'wait=10').expect(202);
      made.unshift(body.id);
    }
    const seen: string[] = [];
    let path: string | null = '/runs?task=paged&limit=3&trigger=manual&status=succeeded';
    while (path !== null) {
      const answer: Response = await api.http.get(path).expect(200);
      seen.push(...answer.body.items.map((run: { id: string }) => run.id));
      path = /<([^>]+)>/.exec(answer.headers.link ?? '')?.[1] ?? null;
    }
    expect(seen).toEqual(made);
    const { body: some } = await api.http.get(`/runs/${made[3]}`).expect(200);
    const from = encodeURIComponent(some.scheduledFor);
    const ids = (answer: { body: { items: { id: string }[] } }) => answer.body.items.map((run) => run.id);
    const after = ids(await api.http.get(`/tasks/paged/runs?from=${from}`).expect(200));
    const before = ids(await api.http.get(`/tasks/paged/runs?to=${from}`).expect(200));
    expect(after).toContain(made[3]);
    expect([...after, ...before]).toEqual(made);
    await api.http.get('/tasks/nobody/runs').expect(404);
  });

  test('of a deleted task stays', async () => {
    await api.createManual('mortal', { target: at('/mortal') });
    const { body } = await api.http.post('/tasks/mortal/trigger').set('prefer', 'wait=10').expect(202);
    await api.http.delete('/tasks/mortal').expect(204);
    const { body: run } = await api.http.get(`/runs/${body.id}`).expect(200);
    expect(run).toMatchObject({ taskId: 'mortal', status: 'succeeded' });
    expect((await api.http.get('/tasks/mortal/runs').expect(200)).body.items).toHaveLength(1);
  });
});
