import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Api, type Body, startApi } from '../client.ts';

let api: Api;
beforeAll(async () => {
  const hash = createHash('sha256').update('root-key').digest('hex');
  api = await startApi({ API_KEYS: `root:owner:${hash}`, SECRETS_KEYS: Buffer.alloc(32, 7).toString('base64') });
});

const task = {
  schedule: { cron: '0 0 1 1 *' },
  target: 'http://127.0.0.1:9/',
  retry: { maxAttempts: 2, minBackoff: '1h', maxBackoff: '1h' },
};
const range = { from: '2020-06-01T00:00:00Z', to: '2021-06-01T00:00:00Z' };

/** What each unsafe call is audited as, in an order in which each finds what it needs; `{id}` is the last id answered. */
const audited: readonly [route: string, path: string, body: Body, type: string, subject: string][] = [
  ['PUT /namespaces/{id}', '/namespaces/billing', {}, 'namespace.created', 'namespace:billing'],
  ['PUT /namespaces/{id}', '/namespaces/billing', { weight: 2 }, 'namespace.updated', 'namespace:billing'],
  ['POST /tasks', '/tasks', { id: 'a', ...task }, 'task.created', 'task:a'],
  ['POST /tasks/batch', '/tasks/batch', { items: [{ id: 'b', ...task }] }, 'task.created', 'task:b'],
  ['PUT /tasks/{id}', '/tasks/c', task, 'task.created', 'task:c'],
  ['PUT /tasks/{id}', '/tasks/c', { ...task, name: 'C' }, 'task.updated', 'task:c'],
  ['PATCH /tasks/{id}', '/tasks/c', { name: 'D' }, 'task.updated', 'task:c'],
  ['POST /tasks/{id}/stop', '/tasks/c/stop', {}, 'task.stopped', 'task:c'],
  ['POST /tasks/{id}/start', '/tasks/c/start', {}, 'task.started', 'task:c'],
  ['POST /tasks/{id}/backfill', '/tasks/c/backfill', range, 'task.backfilled', 'task:c'],
  ['POST /tasks/{id}/trigger', '/tasks/a/trigger', {}, 'task.triggered', 'task:a'],
  ['POST /tasks/{id}/test', '/tasks/b/test', {}, 'task.tested', 'task:b'],
  ['POST /targets/test', '/targets/test', { target: 'http://127.0.0.1:9/' }, 'target.tested', 'target:http'],
  ['POST /runs/{id}/cancel', '/runs/{id}/cancel', {}, 'run.cancelled', 'task:a'],
  ['POST /runs/{id}/retry', '/runs/{id}/retry', {}, 'run.retried', 'task:a'],
  ['PUT /secrets/{name}', '/secrets/MAIL', { value: 'a-long-secret' }, 'secret.created', 'secret:MAIL'],
  ['PUT /secrets/{name}', '/secrets/MAIL', { value: 'a-new-secret' }, 'secret.updated', 'secret:MAIL'],
  ['DELETE /secrets/{name}', '/secrets/MAIL', {}, 'secret.deleted', 'secret:MAIL'],
  ['POST /bulk', '/bulk', { select: { q: 'none' }, action: 'delete', expect: 0 }, 'bulk.started', ''],
  ['DELETE /tasks/{id}', '/tasks/c', {}, 'task.deleted', 'task:c'],
  [
    'POST /bindings',
    '/bindings',
    { subject: 'group:ops', role: 'reader', namespace: 'billing' },
    'binding.created',
    '',
  ],
  ['DELETE /bindings/{id}', '/bindings/{id}', {}, 'binding.deleted', ''],
  ['POST /keys', '/keys', { name: 'ci', role: 'reader', namespace: 'billing' }, 'key.created', ''],
  ['DELETE /keys/{id}', '/keys/{id}', {}, 'key.deleted', ''],
  ['DELETE /namespaces/{id}', '/namespaces/billing?cascade=true', {}, 'namespace.deleted', 'namespace:billing'],
];
/** These change nothing, belong to the target of a run, or are shown with sign-in. */
const others = ['POST /schedules/preview', 'POST /runs/{id}/complete', 'POST /runs/{id}/heartbeat'];
others.push('POST /runs/{id}/log', 'POST /auth/session', 'POST /auth/logout', 'POST /secrets/rewrap');

const published = parse(await readFile(new URL('../../../../openapi.yaml', import.meta.url), 'utf8')).paths as Body;

test('each unsafe call of the contract is one whose entry is looked for', () => {
  const unsafe = Object.entries(published)
    .filter(([path]) => !path.startsWith('/ns/'))
    .flatMap(([path, calls]) =>
      ['post', 'put', 'patch', 'delete'].flatMap((method) =>
        method in calls ? `${method.toUpperCase()} ${path}` : [],
      ),
    );
  expect([...new Set([...audited.map(([route]) => route), ...others])].sort()).toEqual(unsafe.sort());
});

test('each unsafe call has its entry in the audit when it is answered, and a log line', async () => {
  const headers = { authorization: 'Bearer root-key' };
  let lastId = '';
  for (const [route, path, body, type, subject] of audited) {
    const [method = ''] = route.split(' ');
    const answer = await fetch(`${api.url}${path.replace('{id}', lastId)}`, {
      ...{ method, headers: { ...headers, 'content-type': 'application/json' } },
      ...(Object.keys(body).length > 0 || method !== 'DELETE' ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    expect({ route, ok: answer.ok, text: answer.ok ? '' : text }).toEqual({ route, ok: true, text: '' });
    lastId = (text === '' ? {} : JSON.parse(text)).id ?? lastId;
    const requestId = answer.headers.get('x-request-id');

    const { body: page } = await api.http.get('/audit?limit=1').set(headers).expect(200);
    expect(page.items).toMatchObject([{ type, actor: 'key:root', via: 'key', requestId }]);
    if (subject !== '') expect(page.items[0].subject).toBe(subject);
    const lines = api.replica.logs().filter((line) => line.audit === true && line.requestId === requestId);
    expect(lines).toMatchObject([{ type, actor: 'key:root', subject: page.items[0].subject }]);
  }
});
