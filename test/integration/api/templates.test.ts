import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTarget, type Target } from '../../target.ts';
import { type Api, startApi } from './client.ts';

let api: Api;
let target: Target;
beforeAll(async () => {
  [api, target] = await Promise.all([startApi(), startTarget()]);
});
afterAll(() => target.close());

const trigger = async (id: string) =>
  (await api.http.post(`/tasks/${id}/trigger`).set('prefer', 'wait=10').expect(202)).body;

test('templates are filled in for each attempt, with the previous run', async () => {
  const task = await api.createManual('filled', {
    labels: { team: 'billing' },
    template: true,
    target: {
      url: `${target.url}/{{ task.id }}/{{ task.labels.team }}?n={{ attempt }}`,
      headers: { 'x-run': '{{ runId }}' },
      body: { since: '{{ previous.finishedAt }}', was: '{{ previous.status }}', at: '{{ scheduledFor }}' },
    },
  });
  expect(task.target.template).toBe(true);
  expect(task).not.toHaveProperty('template');
  const first = await trigger('filled');
  const second = await trigger('filled');
  expect([first.status, second.status]).toEqual(['succeeded', 'succeeded']);
  const requests = target.requests.filter(({ path }) => path.startsWith('/filled'));
  expect(requests.map(({ path }) => path)).toEqual(['/filled/billing?n=1', '/filled/billing?n=1']);
  expect(requests.map(({ headers }) => headers['x-run'])).toEqual([first.id, second.id]);
  expect(requests.map(({ body }) => JSON.parse(body))).toEqual([
    { since: '', was: '', at: first.scheduledFor },
    { since: first.finishedAt, was: 'succeeded', at: second.scheduledFor },
  ]);
});

test('a label that changes is in the next call', async () => {
  await api.createManual('label', {
    labels: { v: '1' },
    target: { url: `${target.url}/label/{{ task.labels.v }}`, template: true },
  });
  await trigger('label');
  await api.http
    .patch('/tasks/label')
    .send({ labels: { v: '2' } })
    .expect(200);
  await trigger('label');
  expect(target.requests.map(({ path }) => path).filter((path) => path.startsWith('/label'))).toEqual([
    '/label/1',
    '/label/2',
  ]);
});

test('what cannot be filled in fails the run at once, and says which field', async () => {
  await api.createManual('broken', {
    labels: { who: 'Ünïcödé ☃' },
    retry: { maxAttempts: 5 },
    target: { url: `${target.url}/broken`, headers: { 'x-who': '{{ task.labels.who }}' }, template: true },
  });
  const run = await trigger('broken');
  expect(run).toMatchObject({ status: 'failed', attempt: 1, error: { kind: 'internal' } });
  expect(run.error.message).toContain('headers/x-who');
});

test('a bad template is a 422 with a pointer, and no template at all unless asked for', async () => {
  const create = (body: object) =>
    api.http
      .post('/tasks')
      .send({ schedule: { manual: true }, target: { url: `${target.url}/x`, body: '{{ nobody }}' }, ...body });
  const { body } = await create({ template: true }).expect(422);
  expect(body.errors).toEqual([{ pointer: '#/target/body', detail: expect.stringContaining('knows no "nobody"') }]);
  const fallback = { url: `${target.url}/{% if %}`, template: true };
  expect((await create({ fallback }).expect(422)).body.errors[0].pointer).toBe('#/fallback/url');
  expect((await create({}).expect(201)).body.target.body).toBe('{{ nobody }}');
});
