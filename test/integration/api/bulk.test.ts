import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { type Api, type Body, startApi } from './client.ts';

const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const keys = { root: 'the-key-of-root', boss: 'the-key-of-boss', op: 'the-key-of-op' };

let api: Api;
beforeAll(async () => {
  const { root, boss, op } = keys;
  api = await startApi({
    API_KEYS: `root:owner:${hash(root)},boss:admin:${hash(boss)}:a,op:operator:${hash(op)}:a`,
  });
  for (const namespace of ['a', 'b']) await as('root', 'put', `/namespaces/${namespace}`).send({}).expect(201);
});

type Method = 'get' | 'put' | 'post';
const as = (who: keyof typeof keys, method: Method, path: string) =>
  api.http[method](path).set('authorization', `Bearer ${keys[who]}`);

async function make(namespace: string, id: string, more: Body = {}): Promise<void> {
  const task = { schedule: { cron: '0 0 1 1 *' }, target: 'http://127.0.0.1:9/', ...more };
  await as('root', 'put', `/ns/${namespace}/tasks/${id}`).send(task).expect(201);
}

/** The bulk change at its end. */
async function bulk(who: keyof typeof keys, namespace: string, body: Body): Promise<Body> {
  const started = await as(who, 'post', `/ns/${namespace}/bulk`).send(body).expect(202);
  expect(started.headers.location).toBe(`/ns/${namespace}/bulk/${started.body.id}`);
  return poll(
    async () => {
      const { body: found } = await as(who, 'get', started.headers.location as string).expect(200);
      return found.status === 'done' && (found as Body);
    },
    { what: 'the bulk change to end' },
  );
}

const tasksOf = async (namespace: string): Promise<Body[]> =>
  (await as('root', 'get', `/ns/${namespace}/tasks?limit=200`).expect(200)).body.items;

test('acts on the selected tasks of the namespace alone, with the events and the audit of its author', async () => {
  for (const namespace of ['a', 'b'])
    for (const id of ['x-1', 'x-2', 'x-3']) await make(namespace, id, { labels: { team: id === 'x-3' ? 'p' : 'q' } });
  const select = { label: ['team:q', 'team:none'], status: 'active', q: 'x-' };
  const answer = await as('op', 'post', '/bulk').send({ select, action: 'stop', expect: 2 }).expect(202);
  const requestId = answer.headers['x-request-id'];
  const stopped = await poll(
    async () => {
      const { body } = await as('op', 'get', `/bulk/${answer.body.id}`).expect(200);
      return body.status === 'done' && body;
    },
    { what: 'the end' },
  );
  expect(stopped).toMatchObject({ action: 'stop', select, total: 2, done: 2, unchanged: 0, failed: 0, errors: [] });
  expect(stopped).toMatchObject({ id: answer.body.id, actor: 'key:op', finishedAt: expect.any(String) });
  expect((await tasksOf('a')).map(({ status }) => status)).toEqual(['stopped', 'stopped', 'active']);
  expect((await tasksOf('b')).map(({ status }) => status)).toEqual(['active', 'active', 'active']);
  const { body: events } = await as('op', 'get', '/tasks/x-1/events?limit=1').expect(200);
  expect(events.items[0]).toMatchObject({ type: 'stopped', actor: 'key:op' });
  const { body: audit } = await as('root', 'get', '/audit?namespace=a&type=task.stopped').expect(200);
  expect(audit.items).toHaveLength(2);
  for (const entry of audit.items) expect(entry).toMatchObject({ actor: 'key:op', via: 'key', requestId });
  expect(audit.items[0].address).not.toBeNull();
  await as('root', 'get', `/ns/b/bulk/${answer.body.id}`).expect(404);

  const again = await bulk('op', 'a', { select: { q: 'x-' }, action: 'stop', expect: 3 });
  expect(again).toMatchObject({ total: 3, done: 3, unchanged: 2, failed: 0 });
  const started = await bulk('op', 'a', { select: { status: ['stopped'] }, action: 'start', expect: 3 });
  expect(started).toMatchObject({ done: 3, unchanged: 0 });
});

test('sets and removes labels, and deletes, without a filter all tasks of the namespace', async () => {
  await as('root', 'put', '/namespaces/c').send({}).expect(201);
  for (const id of ['one', 'two']) await make('c', id, { labels: { old: '1', kept: '2' } });
  const labels = { set: { tier: 'gold' }, remove: ['old', 'never'] };
  await bulk('root', 'c', { select: {}, action: 'label', labels, expect: 2 });
  for (const task of await tasksOf('c')) expect(task.labels).toEqual({ kept: '2', tier: 'gold' });
  const many = Object.fromEntries(Array.from({ length: 63 }, (_, place) => [`l${place}`, '']));
  const failed = await bulk('root', 'c', { action: 'label', labels: { set: many }, expect: 2 });
  expect(failed).toMatchObject({ total: 2, done: 0, failed: 2 });
  expect(failed.errors).toMatchObject([
    { task: 'one', code: 'invalid_field', detail: expect.stringContaining('#/labels') },
    { task: 'two' },
  ]);
  expect(await bulk('root', 'c', { action: 'delete', expect: 2 })).toMatchObject({ total: 2, done: 2, failed: 0 });
  expect(await tasksOf('c')).toEqual([]);
  await api.http.delete('/namespaces/c').set('authorization', `Bearer ${keys.root}`).expect(204);
});

test('another number than expected changes nothing, and the 409 tells the real one', async () => {
  await as('root', 'put', '/namespaces/d').send({}).expect(201);
  for (const id of ['one', 'two']) await make('d', id);
  const { body } = await as('root', 'post', '/ns/d/bulk').send({ action: 'stop', expect: 1 }).expect(409);
  expect(body).toMatchObject({ code: 'conflict', count: 2 });
  for (const { status } of await tasksOf('d')) expect(status).toBe('active');
});

test('each action needs the role of the same call for one task', async () => {
  for (const action of ['delete', 'label'])
    await as('op', 'post', '/bulk')
      .send({ action, expect: 0, ...(action === 'label' && { labels: { set: { a: 'b' } } }) })
      .expect(403);
  for (const action of ['start', 'stop', 'trigger'])
    await as('op', 'post', '/bulk')
      .send({ select: { q: 'nothing' }, action, expect: 0 })
      .expect(202);
  await as('boss', 'post', '/bulk')
    .send({ select: { q: 'nothing' }, action: 'delete', expect: 0 })
    .expect(202);
});

test.each([
  [{ action: 'label', expect: 0 }, 422, '#/labels'],
  [{ action: 'label', labels: {}, expect: 0 }, 422, '#/labels'],
  [{ action: 'label', labels: { set: { a: 'b' }, remove: ['a'] }, expect: 0 }, 422, '#/labels/remove/0'],
  [{ action: 'stop', labels: { set: { a: 'b' } }, expect: 0 }, 422, '#/labels'],
  [{ action: 'label', labels: { set: { '-': 'b' } }, expect: 0 }, 400, '#/labels/set'],
  [{ action: 'stop' }, 400, '#/expect'],
  [{ action: 'burn', expect: 0 }, 400, '#/action'],
  [{ action: 'stop', expect: 0, select: { status: 'odd' } }, 400, '#/select/status'],
  [{ action: 'stop', expect: 0, select: { label: 'odd' } }, 400, '#/select/label'],
  [{ action: 'stop', expect: 0, select: { kind: 'odd' } }, 400, '#/select/kind'],
])('%j is refused with its pointer', async (body, status, pointer) => {
  const answer = await as('boss', 'post', '/bulk').send(body);
  expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([status, pointer]);
});
