import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { poll } from '../../../poll.ts';
import { type Api, type Body, startApi } from '../client.ts';
import { tokenOf, tokenSettings } from '../grants/cluster.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const keys = { root: 'owner', lead: 'admin:billing', clerk: 'reader:billing', stranger: 'admin:payroll' };

let api: Api;
beforeAll(async () => {
  const API_KEYS = Object.entries(keys)
    .map(([name, grant]) => {
      const [role, namespace] = grant.split(':');
      return `${name}:${role}:${sha256(`${name}-key`)}${namespace === undefined ? '' : `:${namespace}`}`;
    })
    .join(',');
  api = await startApi({ API_KEYS, ...tokenSettings });
  for (const id of ['billing', 'payroll']) await call('root', 'put', `/namespaces/${id}`, 201, {});
});

async function call(
  key: string,
  method: 'get' | 'put' | 'post' | 'patch' | 'delete',
  path: string,
  status: number,
  body?: Body,
): Promise<Body> {
  const request = api.http[method](path).set('authorization', `Bearer ${key}-key`);
  const answer = await (body === undefined ? request : request.send(body));
  expect([path, answer.status, answer.status === status ? '' : answer.text]).toEqual([path, status, '']);
  return { ...answer.body, answeredTo: answer.headers['x-request-id'] };
}

const list = async (query: string, key = 'root'): Promise<Body[]> =>
  (await call(key, 'get', `/audit?${query}`, 200)).items;
const task = { schedule: { manual: true }, target: 'http://127.0.0.1:9/' };

test('every change of a task and its runs has an entry with its author, and one log line', async () => {
  const path = '/ns/billing/tasks/nightly';
  const retry = { maxAttempts: 2, minBackoff: '1h', maxBackoff: '1h' };
  const headers = { authorization: 'Bearer abcdefgh12345678' };
  const { answeredTo } = await call('lead', 'put', path, 201, {
    ...task,
    target: { url: task.target, headers },
    retry,
  });
  await call('lead', 'patch', path, 200, { name: 'Nightly' });
  await call('lead', 'post', `${path}/stop`, 200);
  await call('lead', 'post', `${path}/start`, 200);
  const { id: runId } = await call('lead', 'post', `${path}/trigger`, 202);
  await call('lead', 'post', `/ns/billing/runs/${runId}/cancel`, 202);
  await poll(async () => (await call('lead', 'get', `/ns/billing/runs/${runId}`, 200)).status === 'cancelled', {
    what: 'the run to be cancelled',
  });
  await call('lead', 'post', `/ns/billing/runs/${runId}/retry`, 202);
  await call('lead', 'patch', path, 200, { schedule: { cron: '0 0 1 1 *' } });
  await call('lead', 'post', `${path}/backfill`, 202, { from: '2020-06-01T00:00:00Z', to: '2021-06-01T00:00:00Z' });
  await call('lead', 'delete', path, 204);

  const types = ['task.created', 'task.updated', 'task.stopped', 'task.started', 'task.triggered', 'run.cancelled'];
  types.push('run.retried', 'task.updated', 'task.backfilled', 'task.deleted');
  const entries = (await list('subject=task:nightly')).reverse();
  expect(entries.map(({ type }) => type)).toEqual(types);
  const shared = { actor: 'key:lead', via: 'key', namespace: 'billing', subject: 'task:nightly' };
  for (const entry of entries)
    expect(entry).toMatchObject({ ...shared, address: expect.stringContaining('127.0.0.1') });
  expect(entries[0]).toMatchObject({ requestId: answeredTo, changes: null });
  expect(entries[1]).toMatchObject({ changes: { name: { from: 'nightly', to: 'Nightly' } } });
  expect(entries[4]).toMatchObject({ changes: { runId } });
  expect(JSON.stringify(entries)).not.toContain('abcdefgh12345678');
  const lines = api.replica.logs().filter(({ audit, subject }) => audit === true && subject === 'task:nightly');
  expect(lines.map(({ type }) => type)).toEqual(types);
  expect(lines[1]).toMatchObject({ ...shared, level: 'info', changes: entries[1]?.changes });
});

test('what Punctual does by itself has no entry', async () => {
  const schedule = { at: new Date(Date.now() + 500).toISOString() };
  await call('root', 'put', '/tasks/once', 201, { ...task, schedule, retry: { maxAttempts: 1 } });
  const events = async () => (await call('root', 'get', '/tasks/once/events', 200)).items;
  await poll(async () => (await events()).some(({ actor }: Body) => actor === 'scheduler'), {
    what: 'an event by the scheduler',
  });
  expect((await list('subject=task:once')).map(({ type }) => type)).toEqual(['task.created']);
});

test('an admin sees the entries of its namespaces, an owner also those of namespaces that are gone', async () => {
  await call('stranger', 'put', '/ns/payroll/tasks/wages', 201, task);
  const seen = new Set((await list('limit=200', 'lead')).map(({ namespace }) => namespace));
  expect([...seen]).toEqual(['billing']);
  expect((await list('type=namespace.created')).map(({ subject }) => subject).sort()).toEqual([
    'namespace:billing',
    'namespace:payroll',
  ]);
  await call('lead', 'get', '/audit?namespace=payroll', 404);
  await call('lead', 'get', '/audit?namespace=nowhere', 404);
  await call('lead', 'get', '/audit?namespace=*', 404);
  await call('clerk', 'get', '/audit', 403);
  expect(await list('namespace=payroll&type=task.created')).toMatchObject([{ subject: 'task:wages' }]);
  expect(await list('namespace=nowhere')).toEqual([]);
});

test('somebody with several roles sees the entries of where it is admin, and 403 where it may only read', async () => {
  for (const [role, namespace] of [
    ['admin', 'billing'],
    ['reader', 'payroll'],
  ])
    await call('root', 'post', '/bindings', 201, { subject: 'user:ann', role, namespace });
  const ann = `Bearer ${await tokenOf({ sub: 'ann' })}`;
  const ask = (query: string) => api.http.get(`/audit?${query}`).set('authorization', ann);
  const { body } = await ask('limit=200').expect(200);
  expect([...new Set(body.items.map(({ namespace }: Body) => namespace))]).toEqual(['billing']);
  await ask('namespace=payroll').expect(403);
  await ask('namespace=billing').expect(200);
  await ask('namespace=nowhere').expect(404);
});

test('an admin of all namespaces sees what belongs to each, and nothing that belongs to none', async () => {
  const all = `Bearer ${await tokenOf({ sub: 'al', role: 'admin', namespace: 'x' })}`;
  await api.http.get('/audit').set('authorization', all).expect(200, { items: [], nextCursor: null });
  await call('root', 'post', '/bindings', 201, { subject: 'user:al', role: 'admin', namespace: '*' });
  const al = `Bearer ${await tokenOf({ sub: 'al' })}`;
  const ask = (query: string) => api.http.get(`/audit?${query}`).set('authorization', al);
  const { body } = await ask('limit=200').expect(200);
  const seen = [...new Set(body.items.map(({ namespace }: Body) => namespace))];
  expect(seen.sort()).toEqual(['billing', 'default', 'payroll']);
  await ask('namespace=*').expect(403);
  await ask('namespace=nowhere').expect(404);
});

test('an admin sees nothing of an earlier namespace of the same id, an owner does', async () => {
  const lead = `Bearer ${await tokenOf({ sub: 'new', role: 'admin', namespace: 'again' })}`;
  const ask = (query: string) => api.http.get(`/audit?${query}`).set('authorization', lead);
  await call('root', 'put', '/namespaces/again', 201, {});
  await call('root', 'put', '/ns/again/tasks/old-secret-plan', 201, task);
  expect((await ask('namespace=again').expect(200)).text).toContain('old-secret-plan');
  await call('root', 'delete', '/namespaces/again?cascade=true', 204);
  await ask('namespace=again').expect(404);
  await ask('').expect(200, { items: [], nextCursor: null });
  await call('root', 'put', '/namespaces/again', 201, {});
  for (const query of ['', 'namespace=again', 'subject=task:old-secret-plan', 'actor=key:root&limit=200']) {
    const { text } = await ask(query).expect(200);
    expect(text).not.toContain('old-secret-plan');
  }
  expect((await ask('').expect(200)).body.items).toMatchObject([{ type: 'namespace.created' }]);
  expect((await list('namespace=again')).length).toBeGreaterThan(2);
});

test('filters are combined, and pages follow each other', async () => {
  for (const id of ['a', 'b', 'c']) await call('stranger', 'put', `/ns/payroll/tasks/page-${id}`, 201, task);
  const filter = 'actor=key:stranger&type=task.created&namespace=payroll&limit=2';
  const first = await call('root', 'get', `/audit?${filter}`, 200);
  const second = await call('root', 'get', `/audit?${filter}&cursor=${first.nextCursor}`, 200);
  const subjects = [...first.items, ...second.items].map(({ subject }) => subject);
  expect(subjects.slice(0, 3)).toEqual(['task:page-c', 'task:page-b', 'task:page-a']);
  const { at } = first.items[1];
  expect((await list(`from=${at}&subject=task:page-b`)).length).toBe(1);
  expect(await list(`to=${at}&subject=task:page-b`)).toEqual([]);
  expect(await list('actor=key:lead&subject=task:page-b')).toEqual([]);
});

test('a filter of the wrong form is refused with a pointer', async () => {
  for (const [query, name] of [
    ['type=task.made', 'type'],
    ['from=yesterday', 'from'],
    ['cursor=abc', 'cursor'],
    ['who=me', 'who'],
  ]) {
    const { errors } = await call('root', 'get', `/audit?${query}`, 400);
    expect(errors).toMatchObject([{ pointer: `#/${name}` }]);
  }
});

test('the audit cannot be changed', async () => {
  for (const method of ['put', 'post', 'patch', 'delete'] as const) await call('root', method, '/audit', 405, {});
});

test('a refused attempt has an entry without anything of its credential', async () => {
  await call('lead', 'put', '/ns/payroll/tasks/wages', 404, task);
  await call('clerk', 'put', '/ns/billing/tasks/wages', 403, task);
  const wrong = 'pk_wrong-credential';
  const path = `/ns/billing/tasks/${wrong}`;
  await api.http.get(`${path}?key=${wrong}`).set('authorization', `Bearer ${wrong}`).expect(401);
  await call('root', 'get', '/ns/billing/keys', 404);
  await api.http.get(`/ns/nowhere/tasks/${wrong}`).set('x-api-key', wrong).expect(401);

  const entries = await poll(
    async () => {
      const found = await list('type=access_refused&limit=200');
      return found.some(({ namespace, actor }) => namespace === '*' && actor === 'unknown') && found;
    },
    { what: 'the refused attempts to be written' },
  );
  const refused = (status: number, given: Body) => ({ type: 'access_refused', changes: { status }, ...given });
  for (const expected of [
    refused(404, { actor: 'key:lead', via: 'key', namespace: 'payroll' }),
    refused(403, { actor: 'key:clerk', via: 'key', namespace: 'billing' }),
    refused(401, { actor: 'unknown', via: 'none', namespace: 'billing' }),
    refused(401, { actor: 'unknown', via: 'none', namespace: '*' }),
  ])
    expect(entries).toContainEqual(
      expect.objectContaining({ ...expected, changes: expect.objectContaining(expected.changes) }),
    );
  expect(entries).toContainEqual(
    expect.objectContaining({ changes: { status: 403, method: 'PUT', path: '/ns/billing/tasks/wages' } }),
  );
  // Nobody was refused a path that is not there.
  expect(entries).not.toContainEqual(expect.objectContaining({ actor: 'key:root', namespace: 'billing' }));
  expect(JSON.stringify(entries)).not.toContain(wrong);
  const lines = api.replica.logs().filter(({ audit }) => audit === true);
  expect(lines).toContainEqual(expect.objectContaining({ type: 'access_refused', actor: 'key:clerk' }));
  expect(JSON.stringify(lines)).not.toContain(wrong);
});
