import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTargetFilter } from '../../../../src/executors/http/filter/target-filter.ts';
import { createSigner, parseSigningSecrets } from '../../../../src/executors/http/signature.ts';
import { type Behaviour, hang, startTarget, status, type Target } from '../../../target.ts';
import { attemptOn, call, resolvedTo, startExecutor } from './harness.ts';

let target: Target;
let other: Target;
beforeEach(async () => {
  [target, other] = await Promise.all([startTarget(), startTarget()]);
});
afterEach(async () => {
  await Promise.all([target.close(), other.close()]);
});

const to =
  (location: string | string[] | null, code = 302): Behaviour =>
  (response) => {
    if (location !== null) response.setHeader('location', location);
    response.writeHead(code).end('over there');
  };

/** A call that follows redirects, to a path of the first target. */
const follow = (path: string, more: object = {}, attempt: object = {}, options: object = {}) =>
  call({ url: target.url + path, redirect: 'follow', ...more }, attempt, options);

const lines = ({ requests }: Target) => requests.map(({ method, path }) => `${method} ${path}`);

test.each([
  [301, 'POST', 'GET'],
  [302, 'POST', 'GET'],
  [303, 'POST', 'GET'],
  [302, 'PUT', 'GET'],
  [303, 'DELETE', 'GET'],
  [302, 'GET', 'GET'],
  [303, 'HEAD', 'HEAD'],
  [307, 'POST', 'POST'],
  [308, 'PUT', 'PUT'],
  [307, 'DELETE', 'DELETE'],
] as const)('a %i turns %s into %s', async (code, method, next) => {
  target.setBehaviour('/from', to('/to', code));
  target.setBehaviour('/to', status(200, 'here'));
  const body = method === 'POST' || method === 'PUT' ? { body: { a: 1 } } : {};
  const outcome = await follow('/from', { method, ...body });
  expect(outcome).toMatchObject({
    status: 'succeeded',
    detail: { httpStatus: 200 },
    output: next === 'HEAD' ? '' : 'here',
  });
  expect(lines(target)).toEqual([`${method} /from`, `${next} /to`]);
  const [first, last] = target.requests;
  const keeps = next === method;
  expect(last?.body).toBe(keeps ? first?.body : '');
  expect(last?.headers['content-type']).toBe(keeps ? first?.headers['content-type'] : undefined);
});

test('without "follow" the answer is final', async () => {
  target.setBehaviour('/from', to('/to'));
  expect(await follow('/from', { redirect: 'none' })).toMatchObject({
    detail: { httpStatus: 302 },
    error: { kind: 'rejected' },
  });
  expect(lines(target)).toEqual(['POST /from']);
});

test('a run without a body of its own describes itself again after a 307', async () => {
  target.setBehaviour('/from', to('/to', 307));
  await follow('/from');
  const [first, last] = target.requests;
  expect(last?.body).toBe(first?.body);
  expect(JSON.parse(last?.body ?? '')).toHaveProperty('runId');
});

test.each([
  ['relative to the path', '/a/from', 'to?x=1', '/a/to?x=1'],
  ['a query alone', '/from', '?x=1', '/from?x=1'],
  ['without a scheme', '/from', (url: string) => `${url.replace('http:', '')}/to`, '/to'],
  ['with a fragment', '/from', '/to#part', '/to'],
  ['with dots', '/a/b/from', '../to', '/a/to'],
])('a Location %s is read', async (_name, from, location, path) => {
  target.setBehaviour(from, to(typeof location === 'string' ? location : location(target.url)));
  expect(await follow(from)).toMatchObject({ status: 'succeeded' });
  expect(lines(target)).toEqual([`POST ${from}`, `GET ${path}`]);
});

test('five redirects are followed and a sixth is not, so a loop ends', async () => {
  for (let hop = 0; hop < 5; hop++) target.setBehaviour(`/${hop}`, to(`/${hop + 1}`));
  expect(await follow('/0')).toMatchObject({ status: 'succeeded' });
  expect(target.requests).toHaveLength(6);
  target.setBehaviour('/5', to('/5'));
  const outcome = await follow('/0');
  expect(outcome).toMatchObject({
    status: 'failed',
    detail: { httpStatus: 302 },
    output: 'over there',
    error: { kind: 'rejected' },
  });
  expect(outcome.error?.message).toBe('the target answered 302, the 6th redirect in a row');
  expect(target.requests).toHaveLength(12);
});

test.each([
  ['nothing', null, 'not where to go on'],
  ['two places', ['/a', '/b'], 'not where to go on'],
  ['no URL', 'http://[', 'is no URL'],
  ['a file', 'file:///etc/passwd', 'something else than http'],
  ['a script', 'javascript:alert(1)', 'something else than http'],
  ['a URL with credentials', 'http://user:secret@localhost/', 'credentials'],
  ['port 0', 'http://localhost:0/', 'port 0'],
  ['a URL of great length', `/${'a'.repeat(3000)}`, 'is no URL'],
])('an answer that points to %s is a failure that says so', async (_name, location, said) => {
  target.setBehaviour('/from', to(location));
  const outcome = await follow('/from');
  expect(outcome).toMatchObject({ status: 'failed', detail: { httpStatus: 302 }, error: { kind: 'rejected' } });
  expect(outcome.error?.message).toContain(said);
  expect(outcome.error?.message).not.toContain('secret');
});

test.each([300, 304, 305, 306, 399])('a %i is no redirect', async (code) => {
  target.setBehaviour('/from', to('/to', code));
  expect(await follow('/from')).toMatchObject({ detail: { httpStatus: code } });
  expect(lines(target)).toEqual(['POST /from']);
});

const secrets = {
  authorization: 'Bearer x',
  cookie: 'a=b',
  'x-api-key': 'k',
  apikey: 'k',
  'x-auth-token': 't',
  'x-hub-signature-256': 's',
  'x-custom': 'Bearer abc',
  host: 'virtual.test',
};
const read = parseSigningSecrets(`whsec_${Buffer.alloc(24).toString('base64')}`);
if (!read.ok) throw new Error('no secret');
const signer = createSigner(read.value);

test('at another origin nothing arrives that proves who calls, nor on the way back', async () => {
  target.setBehaviour('/from', to(`${other.url}/mid`, 307));
  other.setBehaviour('/mid', to(`${target.url}/back`, 307));
  target.setBehaviour('/back', to('/again', 307));
  const headers = { ...secrets, 'x-tenant': 'a' };
  const outcome = await follow('/from', { headers }, { token: 'run-token' }, { signerFor: () => signer });
  expect(outcome).toMatchObject({ status: 'succeeded' });
  const [first, back, again] = target.requests;
  const [foreign] = other.requests;
  expect(first?.headers).toMatchObject({ ...secrets, 'x-run-token': 'run-token' });
  expect(first?.headers).toHaveProperty('webhook-signature');
  for (const request of [foreign, back, again]) {
    for (const name of [...Object.keys(secrets), 'x-run-token', 'webhook-signature', 'webhook-id'])
      if (name !== 'host') expect(request?.headers).not.toHaveProperty(name);
    expect(request?.headers).toMatchObject({
      'x-tenant': 'a',
      'x-attempt': '1',
      'idempotency-key': expect.any(String),
    });
    expect(request?.body).toBe(first?.body);
  }
  expect(foreign?.headers.host).toBe(new URL(other.url).host);
  expect(back?.headers.host).toBe(new URL(target.url).host);
});

test('at the same origin all of it arrives, and a signature is that of the body sent', async () => {
  target.setBehaviour('/from', to('/to', 303));
  await follow('/from', { headers: secrets, body: 'x' }, { token: 'run-token' }, { signerFor: () => signer });
  const headers: Record<string, unknown> = target.requests[1]?.headers ?? {};
  expect(headers).toMatchObject({ ...secrets, 'x-run-token': 'run-token' });
  const id = String(headers['webhook-id']);
  expect(headers['webhook-signature']).toBe(signer?.(id, Number(headers['webhook-timestamp']), ''));
});

test('a name that leads to a refused address is refused at each hop', async () => {
  const filter = createTargetFilter({ deny: ['127.0.0.2', 'internal.test'], allow: [] });
  const resolve = resolvedTo('127.0.0.2');
  const port = new URL(other.url).port;
  for (const host of ['127.0.0.2', 'internal.test', 'rebinding.test', '[::ffff:127.0.0.2]', '2130706434']) {
    target.setBehaviour('/from', to(`http://${host}:${port}/`));
    const outcome = await follow('/from', {}, {}, { filter, resolve });
    expect(outcome).toMatchObject({ status: 'failed', error: { kind: 'rejected' } });
    expect(outcome.error?.message).toMatch(/^after a redirect to http:.* is refused by the setting TARGET_DENY$/);
  }
  expect(other.requests).toHaveLength(0);
});

test('one deadline holds over all hops', async () => {
  target.setBehaviour('/from', to(`${other.url}/hang`));
  other.setBehaviour('/hang', hang());
  const from = performance.now();
  const outcome = await follow('/from', {}, { timeoutMs: 400 });
  expect(performance.now() - from).toBeGreaterThanOrEqual(399);
  expect(outcome).toMatchObject({ status: 'timed_out', error: { kind: 'timeout' } });
  expect(outcome.error?.message).toBe(`after a redirect to ${other.url}: no answer within 400ms`);
});

test('a call can be cancelled at any hop', async () => {
  target.setBehaviour('/from', to(`${other.url}/hang`));
  other.setBehaviour('/hang', hang());
  const { outcome, cancel } = startExecutor().execute(attemptOn({ url: `${target.url}/from`, redirect: 'follow' }));
  await other.waitFor((requests) => requests.length === 1);
  cancel();
  expect(await outcome).toMatchObject({ status: 'cancelled' });
});

test('a target that was called is not one that was not, when the next has no connection free', async () => {
  target.setBehaviour('/from', to(`${other.url}/hang`));
  other.setBehaviour('/hang', hang());
  const { execute } = startExecutor({ maxConnectionsPerOrigin: 1 });
  const first = execute(attemptOn({ url: `${other.url}/hang` }));
  await other.waitFor((requests) => requests.length === 1);
  const second = execute(attemptOn({ url: `${target.url}/from`, redirect: 'follow' }, { timeoutMs: 300 }));
  expect(await second.outcome).toMatchObject({ status: 'failed', deferred: null, error: { kind: 'unavailable' } });
  first.cancel();
});

test('the last answer is judged', async () => {
  target.setBehaviour('/from', to('/to'));
  target.setBehaviour('/to', status(200, '{"success":false}'));
  const success = { json: { pointer: '/success', equals: true } };
  expect(await follow('/from', { success })).toMatchObject({ status: 'failed', detail: { httpStatus: 200 } });
  expect(await follow('/from', { successStatus: ['3xx'] })).toMatchObject({
    status: 'failed',
    detail: { httpStatus: 200 },
  });
});
