/** What a trigger may say of the run that it asks for, and where it turns up. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startTarget, type Target } from '../../target.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

async function manualTask(id: string, more: object = {}): Promise<void> {
  const to = { url: `${target.url}/${id}`, ...more };
  await api.http
    .post('/tasks')
    .send({ id, schedule: { manual: true }, target: to })
    .expect(201);
}

/** The call that a trigger of the task with this body leads to, and the run that it answered with. */
async function trigger(id: string, body: object, headers: Record<string, string> = {}) {
  const seen = target.requests.length;
  const answer = await api.http.post(`/tasks/${id}/trigger`).set(headers).send(body).expect(202);
  const call = await poll(async () => target.requests.slice(seen).find(({ path }) => path.startsWith(`/${id}`)), {
    what: 'the call',
  });
  return { run: answer.body, call };
}

test('its source, input and priority are kept on the run and reach the target', async () => {
  await manualTask('all');
  const input = { full: true, list: [1, null], text: 'ä' };
  const { run, call } = await trigger('all', { triggerSource: 'deploy-42', input, priority: 9 });
  expect(run).toMatchObject({ trigger: 'manual', triggerSource: 'deploy-42', input, priority: 9 });
  const { body: read } = await api.http.get(`/runs/${run.id}`).expect(200);
  expect(read).toMatchObject({ triggerSource: 'deploy-42', input, priority: 9 });
  expect(JSON.parse(call.body)).toEqual(input);
  expect(call.headers).toMatchObject({ 'x-trigger-source': 'deploy-42', 'content-type': 'application/json' });
});

test('its input arrives and is shown to the last digit', async () => {
  await manualTask('exact');
  const input = '{"id":12345678901234567890,"price":1.10,"__proto__":{"a":1}}';
  const answer = await fetch(`${api.url}/tasks/exact/trigger`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"input":${input}}`,
  });
  expect(await answer.text()).toContain(`"input":${input}`);
  const call = await poll(async () => target.requests.find(({ path }) => path === '/exact'), { what: 'the call' });
  expect(call.body).toBe(input);
});

test('start and stop keep their source in the event of the task', async () => {
  await manualTask('paused');
  await api.http.post('/tasks/paused/stop').send({ triggerSource: 'freeze Ä 7', cancel: 'all' }).expect(200);
  await api.http.post('/tasks/paused/start').send({ triggerSource: 'deploy-42' }).expect(200);
  await api.http.post('/tasks/paused/stop').send({ triggerSource: null }).expect(200);
  const { body } = await api.http.get('/tasks/paused/events').expect(200);
  expect(body.items.slice(0, 3)).toMatchObject([
    { type: 'stopped', changes: { status: { from: 'active', to: 'stopped' } } },
    { type: 'started', changes: { status: { from: 'stopped', to: 'active' }, triggerSource: 'deploy-42' } },
    { type: 'stopped', changes: { triggerSource: 'freeze Ä 7' } },
  ]);
  expect(body.items[0].changes).not.toHaveProperty('triggerSource');
  for (const path of ['start', 'stop'])
    for (const wrong of ['a\nb', 'x'.repeat(129), '', 7]) {
      const answer = await api.http.post(`/tasks/paused/${path}`).send({ triggerSource: wrong }).expect(400);
      expect(answer.body.errors[0].pointer).toBe('#/triggerSource');
    }
});

test('a run that nobody asked for so has none of it', async () => {
  await manualTask('plain');
  for (const body of [{}, { triggerSource: null, input: null, priority: null, scheduledFor: null }]) {
    const { run, call } = await trigger('plain', body);
    expect(run).toMatchObject({ triggerSource: null, input: null, priority: 5 });
    expect(JSON.parse(call.body)).toMatchObject({ taskId: 'plain', runId: run.id });
    expect(call.headers).not.toHaveProperty('x-trigger-source');
  }
});

test('a source that is not ASCII is percent-encoded on its way', async () => {
  await manualTask('encoded');
  const sourceOf = async (triggerSource: string) =>
    (await trigger('encoded', { triggerSource })).call.headers['x-trigger-source'];
  expect(await sourceOf('nächtlich 100%')).toBe('n%C3%A4chtlich 100%25');
  expect(await sourceOf('100% ASCII')).toBe('100% ASCII');
});

test("the task's own body comes first; templates name the input", async () => {
  await manualTask('own', { body: { mine: 1 } });
  expect(JSON.parse((await trigger('own', { input: { theirs: 2 } })).call.body)).toEqual({ mine: 1 });
  await manualTask('template', { template: true, body: { for: '{{ input.user.name }}' } });
  const { call } = await trigger('template', { input: { user: { name: 'Ann' } } });
  expect(JSON.parse(call.body)).toEqual({ for: 'Ann' });
});

test('scheduledFor is the instant that the run is for', async () => {
  await manualTask('past');
  const { run, call } = await trigger('past', { scheduledFor: '2026-01-01T02:00:00+01:00' });
  expect(run.scheduledFor).toBe('2026-01-01T01:00:00.000Z');
  expect(call.headers['x-scheduled-for']).toBe('2026-01-01T01:00:00.000Z');
});

test('the trace of the request goes on', async () => {
  await manualTask('traced');
  const parent = '00f067aa0ba902b7';
  const { call } = await trigger('traced', {}, { traceparent: `00-${traceId}-${parent}-01` });
  expect(call.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-(?!${parent})[0-9a-f]{16}-01$`));
});

test('a retry has the input and the source of the run that it repeats', async () => {
  await manualTask('again');
  const { run } = await trigger('again', { triggerSource: 'deploy-42', input: [1] });
  await poll(async () => (await api.http.get(`/runs/${run.id}`)).body.status === 'succeeded', { what: 'the end' });
  const { body } = await api.http.post(`/runs/${run.id}/retry`).expect(202);
  expect(body).toMatchObject({ trigger: 'retry', triggerSource: 'deploy-42', input: [1] });
});

test('the event of the trigger names the source', async () => {
  await manualTask('told');
  await trigger('told', { triggerSource: 'deploy-42' });
  const { body } = await api.http.get('/tasks/told/events').expect(200);
  expect(body.items[0]).toMatchObject({ type: 'triggered', changes: { triggerSource: 'deploy-42' } });
});

test.each([
  [{ triggerSource: '' }, 400, '#/triggerSource'],
  [{ triggerSource: 'a\nb' }, 400, '#/triggerSource'],
  [{ triggerSource: 'a\u202eb' }, 400, '#/triggerSource'],
  [{ triggerSource: 'x'.repeat(129) }, 400, '#/triggerSource'],
  [{ priority: 10 }, 400, '#/priority'],
  [{ priority: 1.5 }, 400, '#/priority'],
  [{ scheduledFor: 'tomorrow' }, 422, '#/scheduledFor'],
  [{ scheduledFor: '2999-01-01T00:00:00Z' }, 422, '#/scheduledFor'],
  [{ nonsense: 1 }, 400, '#/nonsense'],
])('%j is refused with %i at %s', async (body, status, pointer) => {
  await api.http.put('/tasks/refusing').send({ schedule: { manual: true }, target: target.url });
  const answer = await api.http.post('/tasks/refusing/trigger').send(body).expect(status);
  expect(answer.body.errors[0].pointer).toBe(pointer);
});

test('a task that does not exist is a 404, whatever its trigger means', async () => {
  for (const scheduledFor of ['tomorrow', '2999-01-01T00:00:00Z'])
    await api.http.post('/tasks/nobody/trigger').send({ scheduledFor }).expect(404);
});
