import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ForwardProxy, startForwardProxy } from '../../connect-proxy.ts';
import { redirect, startTarget, status, type Target } from '../../target.ts';
import { selfSigned } from '../../unit/executors/http/self-signed.ts';
import { type Api, type Body, startApi } from './client.ts';

const mask = '••••••';
let api: Api;
let target: Target;
let proxy: ForwardProxy;
beforeAll(async () => {
  const hash = (role: string) => createHash('sha256').update(`${role}-key`).digest('hex');
  [target, proxy] = await Promise.all([startTarget(), startForwardProxy()]);
  api = await startApi({
    API_KEYS: `a:admin:${hash('admin')},r:reader:${hash('reader')}`,
    TARGET_PROXY: `http://svc:pass@127.0.0.1:${proxy.port}`,
    TARGET_DENY: '10.0.0.0/8',
  });
});
afterAll(() => Promise.all([target.close(), proxy.close()]));

const ask = (method: 'get' | 'post' | 'put' | 'patch', path: string, body?: object, role = 'admin') =>
  api.http[method](path).set('authorization', `Bearer ${role}-key`).send(body);
const create = (id: string, called: Body, more: Body = {}) =>
  ask('post', '/tasks', { id, schedule: { manual: true }, target: { url: `${target.url}/${id}`, ...called }, ...more });
async function runOf(id: string): Promise<Body> {
  const run = await ask('post', `/tasks/${id}/trigger`).set('prefer', 'wait=20');
  return run.body;
}

test('a patch with an unknown type is told of the type alone, as the rest of the target is known', async () => {
  await create('retyped', {}).expect(201);
  const { body } = await ask('patch', '/tasks/retyped', { target: { type: 'pigeon' } }).expect(400);
  expect(body.errors).toEqual([{ pointer: '#/target/type', detail: 'must be "http", the only one known' }]);
});

test('what a target asks for is kept, shown, and done', async () => {
  const own = {
    redirect: 'follow',
    proxy: 'none',
    bodyType: 'form',
    body: { a: 'b c' },
    success: { json: { pointer: '/success', equals: true } },
    headers: { host: 'virtual.test' },
  };
  const { body: task } = await create('all', own).expect(201);
  expect(task.target).toMatchObject(own);
  target.setBehaviour('/all', redirect(`${target.url}/final`));
  target.setBehaviour('/final', status(200, '{"success":false}'));
  expect(await runOf('all')).toMatchObject({
    status: 'failed',
    error: {
      kind: 'rejected',
      message: `after a redirect to ${target.url}: the target answered 200, but its body is false at /success, where success.json asks for true`,
    },
    result: { httpStatus: 200, output: '{"success":false}' },
  });
  expect(target.requests.map(({ method, path, body, headers }) => [method, path, body, headers.host])).toEqual([
    ['POST', '/all', 'a=b+c', 'virtual.test'],
    ['GET', '/final', '', 'virtual.test'],
  ]);
  target.setBehaviour('/final', status(200, '{"success":true}'));
  expect(await runOf('all')).toMatchObject({ status: 'succeeded', error: null });
  expect(proxy.asked).toEqual([]);
});

test('a pattern on a large answer is judged on a thread of its own', async () => {
  await create('large', { success: { bodyMatches: 'end$' }, proxy: 'none' }).expect(201);
  target.setBehaviour('/large', status(200, `${'a'.repeat(500_000)}end`));
  expect(await runOf('large')).toMatchObject({ status: 'succeeded', result: { truncated: true } });
});

test('TARGET_PROXY serves targets that name none', async () => {
  await create('proxied', {}).expect(201);
  expect(await runOf('proxied')).toMatchObject({ status: 'succeeded' });
  const authorization = `Basic ${Buffer.from('svc:pass').toString('base64')}`;
  expect(proxy.asked).toEqual([{ method: 'POST', target: `${target.url}/proxied`, authorization }]);
});

test('the key and the password of a proxy are shown to who may change them, and a mask that comes back means unchanged', async () => {
  const { cert, key } = selfSigned('client.test');
  const secret = { url: 'https://billing.test/', tls: { cert, key }, proxy: 'http://user:hunter2@127.0.0.1:1' };
  await create('secret', secret, { fallback: secret }).expect(201);
  const shown = (await ask('get', '/tasks/secret', undefined, 'reader').expect(200)).body;
  expect(JSON.stringify(shown)).not.toMatch(/hunter2|PRIVATE KEY/);
  const masked = { tls: { cert, key: mask }, proxy: `http://user:${mask}@127.0.0.1:1` };
  for (const called of [shown.target, shown.fallback]) expect(called).toMatchObject(masked);

  await ask('patch', '/tasks/secret', { target: masked, name: 'renamed' })
    .set('content-type', 'application/merge-patch+json')
    .expect(200);
  expect((await ask('get', '/tasks/secret')).body.target).toMatchObject(secret);
  const elsewhere = { target: { proxy: `http://user:${mask}@evil.test:1` } };
  const refused = await ask('patch', '/tasks/secret', elsewhere).set('content-type', 'application/merge-patch+json');
  expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, '#/target/proxy']);
  const events = await ask('get', '/tasks/secret/events');
  expect(JSON.stringify(events.body)).not.toMatch(/hunter2|PRIVATE KEY/);
});

test.each([
  [{ proxy: 'http://10.1.2.3:3128' }, 422, '#/target/proxy'],
  [{ proxy: 'ftp://proxy' }, 422, '#/target/proxy'],
  [{ success: {} }, 422, '#/target/success'],
  [{ success: { bodyMatches: '(?=x)' } }, 422, '#/target/success/bodyMatches'],
  [{ success: { json: { pointer: 'x', equals: 1 } } }, 422, '#/target/success/json/pointer'],
  [{ success: { unknown: 1 } }, 400, '#/target/success/unknown'],
  [{ redirect: 'maybe' }, 400, '#/target/redirect'],
  [{ bodyType: 'xml' }, 400, '#/target/bodyType'],
  [{ bodyType: 'base64', body: '***' }, 422, '#/target/body'],
  [{ tls: { ca: 'x' } }, 422, '#/target/tls'],
  [{ tls: { unknown: 1 } }, 400, '#/target/tls/unknown'],
  [{ headers: { host: 'a\r\nx: y' } }, 422, '#/target/headers/host'],
])('%j is refused with %i at %s', async (called, code, pointer) => {
  const { status: answered, body } = await create('refused', called);
  expect([answered, body.errors?.[0]?.pointer.startsWith(pointer)]).toEqual([code, true]);
});
