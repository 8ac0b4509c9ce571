import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { type Behaviour, delay, hang, type RecordedRequest, startTarget, status, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

const key = Buffer.alloc(32, 7);
let api: Api;
let target: Target;
/** Another host, for hooks that hang. */
let hung: Target;
beforeAll(async () => {
  const env = { SIGNING_SECRETS: `whsec_${key.toString('base64')}` };
  [api, target, hung] = await Promise.all([startApi(env), startTarget(), startTarget()]);
});
afterAll(() => Promise.all([target.close(), hung.close()]));

const at = (path: string) => `${target.url}${path}`;
const callsTo = (path: string) => target.requests.filter((request) => request.path === path);
const called = async (path: string, count = 1, withinMs = 15_000) => {
  await target.waitFor(() => callsTo(path).length >= count, withinMs);
  return callsTo(path);
};
const trigger = async (id: string): Promise<Body> =>
  (await api.http.post(`/tasks/${id}/trigger`).set('prefer', 'wait=20').expect(202)).body;
const eventOf = (request: RecordedRequest | undefined): Body => JSON.parse(request?.body ?? '');
/** One after the other, the last for ever. */
function inTurn(...behaviours: Behaviour[]): Behaviour {
  let calls = 0;
  return (...exchange) => (behaviours[Math.min(calls++, behaviours.length - 1)] as Behaviour)(...exchange);
}

function expectSigned({ headers, body }: RecordedRequest): void {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
}

async function metric(hook: string, outcome: string): Promise<number> {
  const { text } = await api.http.get('/metrics').expect(200);
  const line = new RegExp(`^scheduler_hook_deliveries_total\\{hook="${hook}",outcome="${outcome}"\\} (\\d+)$`, 'm');
  return Number(line.exec(text)?.[1] ?? 0);
}

describe('hooks that tell what happened', () => {
  test('get a signed CloudEvent with what the run became, and not as if they were its target', async () => {
    target.setBehaviour('/work', status(200, 'all done'));
    await api.createManual('told', {
      target: at('/work'),
      hooks: { onSuccess: { url: at('/told?x=1'), headers: { 'x-key': 'k', 'content-type': 'text/plain' } } },
    });
    const run = await trigger('told');
    const [call] = await called('/told?x=1');
    const { headers, method } = call as RecordedRequest;
    expect([method, headers['content-type'], headers['x-key']]).toEqual(['POST', 'application/cloudevents+json', 'k']);
    const event = eventOf(call);
    expect(event).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      source: '/tasks/told',
      type: 'punctual.run.succeeded',
      subject: run.id,
      time: run.finishedAt,
      datacontenttype: 'application/json',
      data: {
        taskId: 'told',
        runId: run.id,
        status: 'succeeded',
        startTime: run.startedAt,
        endTime: run.finishedAt,
        output: 'all done',
        truncated: false,
        httpStatus: 200,
        attempt: 1,
        trigger: 'manual',
        scheduledFor: run.scheduledFor,
        error: null,
      },
    });
    expectSigned(call as RecordedRequest);
    expect([headers['webhook-id'], headers['idempotency-key'], headers['x-task-id']]).toEqual([
      event.id,
      event.id,
      'told',
    ]);
    for (const own of ['x-run-id', 'x-attempt', 'x-scheduled-for', 'x-trigger', 'x-deadline', 'x-run-token'])
      expect(headers).not.toHaveProperty(own);
  });

  test('are called again until they take it, under the same id; the run is as it was', async () => {
    target.setBehaviour('/again', inTurn(status(503), status(404), status(204)));
    await api.createManual('again', { target: at('/ok'), hooks: { onSuccess: at('/again') } });
    const run = await trigger('again');
    const calls = await called('/again', 3);
    expect(new Set(calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(calls.map(({ body }) => body)).size).toBe(1);
    for (const call of calls) expectSigned(call);
    const [first, second, third] = calls.map((call) => call.at) as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(799);
    expect(third - second).toBeGreaterThanOrEqual(1_599);
    expect((await api.http.get(`/runs/${run.id}`)).body).toEqual(run);
    await expect.poll(() => metric('onSuccess', 'retried')).toBeGreaterThanOrEqual(2);
    await expect.poll(() => metric('onSuccess', 'delivered')).toBeGreaterThanOrEqual(1);
  });

  test('are given the time that they ask for with Retry-After', async () => {
    target.setBehaviour('/patience', inTurn(status(429, '', { 'retry-after': '3' }), status(200)));
    await api.createManual('patience', { target: at('/ok'), hooks: { onSuccess: at('/patience') } });
    await trigger('patience');
    const [first, second] = await called('/patience', 2);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2_990);
  });

  test.each([410, 489])('that answer %i are not called again: the task has an event of it', async (code) => {
    const id = `gone-${code}`;
    target.setBehaviour(`/${id}`, status(code));
    await api.createManual(id, { target: at('/ok'), hooks: { onSuccess: at(`/${id}`) } });
    const run = await trigger(id);
    const events = await poll(
      async () => {
        const { body } = await api.http.get(`/tasks/${id}/events`).expect(200);
        const found = body.items.filter(({ type }: Body) => type === 'hook_failed');
        return found.length > 0 && found;
      },
      { what: 'the event' },
    );
    expect(events).toMatchObject([
      {
        actor: 'scheduler',
        changes: { hook: 'onSuccess', runId: run.id, attempts: 1, error: `the target answered ${code}` },
      },
    ]);
    expect(callsTo(`/${id}`)).toHaveLength(1);
    expect(run.status).toBe('succeeded');
    expect(await metric('onSuccess', 'dropped')).toBeGreaterThanOrEqual(1);
    expect(api.replica.logs()).toContainEqual(
      expect.objectContaining({ level: 'warn', taskId: id, runId: run.id, hook: 'onSuccess', attempts: 1 }),
    );
  });

  test('hear of a failure when no attempt is left, once, and of the recovery at the first success after it', async () => {
    const failing = [status(503), status(503), status(500), hang()];
    target.setBehaviour('/shaky', inTurn(status(200), ...failing, status(200), status(200)));
    await api.createManual('shaky', {
      target: at('/shaky'),
      timeout: '2s',
      retry: { maxAttempts: 2, minBackoff: '10ms', maxBackoff: '10ms' },
      hooks: { onFailure: at('/failure'), onRecovery: at('/recovery') },
    });
    const statuses: string[] = [];
    for (let run = 0; run < 5; run++) statuses.push((await trigger('shaky')).status);
    expect(statuses).toEqual(['succeeded', 'failed', 'timed_out', 'succeeded', 'succeeded']);
    const failures = (await called('/failure', 2)).map(eventOf);
    expect(failures.map(({ type, data }) => [type, data.status, data.attempt]).sort()).toEqual([
      ['punctual.run.failed', 'failed', 2],
      ['punctual.run.failed', 'timed_out', 2],
    ]);
    expect(failures.map(({ data }) => data.error.kind).sort()).toEqual(['timeout', 'unavailable']);
    const recoveries = (await called('/recovery')).map(eventOf);
    expect(recoveries.map(({ type, data }) => [type, data.status])).toEqual([['punctual.run.recovered', 'succeeded']]);
    // A last one that must be told, so that whatever is told is told by then.
    await api.createManual('shaky-end', { target: at('/ok'), hooks: { onSuccess: at('/shaky-end') } });
    await trigger('shaky-end');
    await called('/shaky-end');
    expect([callsTo('/failure').length, callsTo('/recovery').length]).toEqual([2, 1]);
  });

  test('hear of what was missed', async () => {
    const task = {
      id: 'missing',
      schedule: '@every 200ms',
      misfire: { limit: 2 },
      target: at('/ok'),
      hooks: { onMissed: at('/missed') },
    };
    await api.http.post('/tasks').send(task).expect(201);
    const { body: stopped } = await api.http.post('/tasks/missing/stop').expect(200);
    await expect.poll(() => Date.now() - Date.parse(stopped.updatedAt), { timeout: 5_000 }).toBeGreaterThan(1_300);
    await api.http.post('/tasks/missing/start').send({ catchUp: 'fire_all' }).expect(200);
    const [call] = await called('/missed');
    await api.http.delete('/tasks/missing').expect(204);
    expectSigned(call as RecordedRequest);
    const { body } = await api.http.get('/tasks/missing/misses').expect(200);
    const [miss] = body.items;
    expect(eventOf(call)).toMatchObject({
      source: '/tasks/missing',
      type: 'punctual.task.missed',
      data: { taskId: 'missing', from: miss.from, to: miss.to, count: miss.count, policy: 'fire_all' },
    });
    expect(eventOf(call)).not.toHaveProperty('subject');
    for (const own of ['x-run-id', 'x-attempt', 'traceparent']) expect(call?.headers).not.toHaveProperty(own);
  });

  test('of a task that was deleted meanwhile still hear of its last run', async () => {
    target.setBehaviour('/parting', inTurn(status(503), status(200)));
    await api.createManual('parting', { target: at('/ok'), hooks: { onSuccess: at('/parting') } });
    const run = await trigger('parting');
    await called('/parting');
    await api.http.delete('/tasks/parting').expect(204);
    expect(eventOf((await called('/parting', 2))[1])).toMatchObject({ data: { taskId: 'parting', runId: run.id } });
  });

  test('that hang hold up neither other hooks nor any run', { timeout: 60_000 }, async () => {
    hung.setBehaviour(hang());
    await api.createManual('hanging', {
      target: at('/hanging'),
      overlap: 'allow',
      hooks: { onSuccess: { url: `${hung.url}/`, timeout: '1m' }, onRecovery: `${hung.url}/` },
    });
    const runs = Array.from({ length: 150 }, () => api.http.post('/tasks/hanging/trigger').expect(202));
    await Promise.all(runs);
    await called('/hanging', 150, 30_000);
    await hung.waitFor((requests) => requests.length >= 8);
    await api.createManual('beside', { target: at('/ok'), hooks: { onSuccess: at('/beside') } });
    await trigger('beside');
    await called('/beside');
    // And are not called for each event while they do.
    expect(hung.requests.length).toBeLessThanOrEqual(32);
    await api.http.delete('/tasks/hanging').expect(204);
  });
});

describe('a before hook', () => {
  const checked = (id: string, more: Body = {}) =>
    api.createManual(id, { target: at(`/${id}`), hooks: { before: { url: at(`/${id}/may-i`), ...more } } });

  test('is asked first, signed, with what is about to start; 2xx lets it', async () => {
    target.setBehaviour('/yes/may-i', status(204));
    await checked('yes');
    const run = await trigger('yes');
    expect(run).toMatchObject({ status: 'succeeded', attempt: 1 });
    const [check] = await called('/yes/may-i');
    const [work] = await called('/yes');
    expect(check?.at).toBeLessThan(work?.at ?? 0);
    expect(JSON.parse(check?.body ?? '')).toEqual({
      taskId: 'yes',
      runId: run.id,
      scheduledFor: run.scheduledFor,
      trigger: 'manual',
    });
    expectSigned(check as RecordedRequest);
    expect(check?.headers['content-type']).toBe('application/json');
    // The target must not take the run for a repetition of the check.
    expect(check?.headers['idempotency-key']).not.toBe(work?.headers['idempotency-key']);
    expect(check?.headers).not.toHaveProperty('x-attempt');
    expect([callsTo('/yes/may-i').length, callsTo('/yes').length]).toEqual([1, 1]);
    expect(await metric('before', 'passed')).toBeGreaterThanOrEqual(1);
  });

  test.each([
    [409, 'already there', 'before hook answered 409: already there'],
    [412, 'closed\r\n today', 'before hook answered 412: closed today'],
    [412, '', 'before hook answered 412'],
  ])('that answers %i "%s" skips the run, with that as the reason', async (code, text, reason) => {
    const id = `no-${code}-${text.length}`;
    target.setBehaviour(`/${id}/may-i`, status(code, text));
    await checked(id);
    const run = await trigger(id);
    expect(run).toMatchObject({ status: 'skipped', reason, attempt: 0, startedAt: null, error: null });
    expect(run.finishedAt).not.toBeNull();
    // The place is free: the next one is asked about again.
    target.setBehaviour(`/${id}/may-i`, status(200));
    expect(await trigger(id)).toMatchObject({ status: 'succeeded' });
    expect(callsTo(`/${id}`)).toHaveLength(1);
  });

  test.each([
    ['answers 500', '10s', status(500), 'before hook failed: the target answered 500'],
    ['does not answer in time', '300ms', hang(), 'before hook failed: no answer within 300ms'],
  ] as const)('that %s is decided by onError', async (what, timeout, behaviour, reason) => {
    for (const onError of ['run', 'skip'] as const) {
      const id = `fails-${what.length}-${onError}`;
      target.setBehaviour(`/${id}/may-i`, behaviour);
      await checked(id, { timeout, onError });
      const expected = onError === 'run' ? { status: 'succeeded' } : { status: 'skipped', reason };
      expect(await trigger(id)).toMatchObject(expected);
      expect(callsTo(`/${id}`)).toHaveLength(onError === 'run' ? 1 : 0);
    }
    expect(await metric('before', 'failed')).toBeGreaterThanOrEqual(2);
  });

  test('is asked about every occurrence, once, and not again for its later attempts', async () => {
    target.setBehaviour('/often', status(500));
    target.setBehaviour('/often/may-i', status(200));
    const task = {
      id: 'often',
      schedule: '@every 300ms',
      target: at('/often'),
      retry: { maxAttempts: 2, minBackoff: '20ms', maxBackoff: '20ms' },
      hooks: { before: at('/often/may-i') },
    };
    await api.http.post('/tasks').send(task).expect(201);
    await called('/often', 10);
    await api.http.post('/tasks/often/stop').expect(200);
    const runs = await api.runsOf('often', (found) => found.every(({ status: is }) => is !== 'running'));
    const asked = callsTo('/often/may-i').map(({ body }) => JSON.parse(body).runId);
    expect(new Set(asked).size).toBe(asked.length);
    const started = runs.filter(({ attempt }) => attempt > 0);
    expect(started.length).toBeGreaterThanOrEqual(5);
    for (const { id, attempt } of started) {
      expect(asked).toContain(id);
      expect(attempt).toBeGreaterThanOrEqual(1);
    }
  });

  test('that thinks while its run is cancelled, or its task is stopped, is not heeded', async () => {
    for (const end of ['cancel', 'stop'] as const) {
      const id = `late-${end}`;
      let answer = () => {};
      target.setBehaviour(`/${id}/may-i`, (response) => {
        answer = () => void response.writeHead(200).end();
      });
      await checked(id);
      const run = (await api.http.post(`/tasks/${id}/trigger`).expect(202)).body;
      await called(`/${id}/may-i`);
      if (end === 'cancel') await api.http.post(`/runs/${run.id}/cancel`).expect(202);
      else await api.http.post(`/tasks/${id}/stop`).expect(200);
      const before = await metric('before', 'passed');
      answer();
      await expect.poll(() => metric('before', 'passed')).toBeGreaterThan(before);
      // The next run, which passes, shows that the first was left alone for good.
      target.setBehaviour(`/${id}/may-i`, status(200));
      const next = await trigger(id);
      expect(next.status).toBe('succeeded');
      expect((await api.http.get(`/runs/${run.id}`)).body).toMatchObject({ status: 'cancelled', attempt: 0 });
      expect(callsTo(`/${id}`).map(({ headers }) => headers['x-run-id'])).toEqual([next.id]);
    }
  });

  test('that is slow about one task does not keep another from starting', async () => {
    target.setBehaviour('/slow/may-i', delay(3_000));
    await checked('slow');
    const slow = (await api.http.post('/tasks/slow/trigger').expect(202)).body;
    await called('/slow/may-i');
    await checked('quick');
    target.setBehaviour('/quick/may-i', status(200));
    expect(await trigger('quick')).toMatchObject({ status: 'succeeded' });
    expect(callsTo('/slow')).toEqual([]);
    expect(await api.runOver(slow.id)).toMatchObject({ status: 'succeeded' });
  });
});
