import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startShell } from '../../services/shell.ts';
import { startTarget, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

const mask = '••••••';
let api: Api;
let target: Target;
beforeAll(async () => {
  const hash = (key: string) => createHash('sha256').update(key).digest('hex');
  const SECRETS_KEYS = Buffer.alloc(32, 1).toString('base64');
  const API_KEYS = `root:owner:${hash('root-key')}`;
  [api, target] = await Promise.all([startApi({ API_KEYS, SECRETS_KEYS, TARGET_DENY: '127.0.0.3' }), startTarget()]);
});
afterAll(() => target.close());
beforeEach(() => {
  target.requests.length = 0;
});

const ask = (method: 'get' | 'put' | 'post', path: string, body?: Body) => {
  const request = api.http[method](path).set('authorization', 'Bearer root-key');
  return body === undefined ? request : request.send(body);
};
const answering = (status: number, text: string) => {
  target.setBehaviour((response) => response.writeHead(status).end(text));
};

test('a test call of a stopped task calls its target once, and makes no run', async () => {
  answering(200, 'well done');
  const headers = { authorization: 'Bearer abc', 'x-plain': 'seen' };
  const task = { id: 'stopped', status: 'stopped', schedule: '@daily', target: { url: `${target.url}/a`, headers } };
  await ask('post', '/tasks', task).expect(201);
  const { body } = await ask('post', '/tasks/stopped/test').expect(200);
  expect(body.request).toMatchObject({ method: 'POST', url: `${target.url}/a` });
  expect(body.request.headers).toMatchObject({ authorization: mask, 'x-plain': 'seen', 'x-task-id': 'stopped' });
  expect(JSON.parse(body.request.body)).toMatchObject({ taskId: 'stopped', trigger: 'test' });
  expect(body.outcome).toEqual({
    ...{ status: 'succeeded', httpStatus: 200, output: 'well done', error: null },
    durationMs: expect.any(Number),
  });
  expect(target.requests.map((one) => one.headers.authorization)).toEqual(['Bearer abc']);
  expect((await ask('get', '/tasks/stopped/runs').expect(200)).body.items).toEqual([]);
  const { body: metrics } = { body: (await ask('get', '/metrics').expect(200)).text };
  expect(metrics).not.toMatch(/lateness_seconds_count\S* [1-9]/);
});

test('the values of secrets are hidden in the request and in the outcome', async () => {
  target.setBehaviour((response, { body, headers }) => response.end(`${body} ${headers['x-plain']}`));
  await ask('put', '/secrets/DEEP', { value: 'very-deep-value' });
  const called = {
    ...{ url: `${target.url}/b`, template: true, headers: { 'x-plain': '{{ secrets.DEEP }}' } },
    body: { deep: 'a {{ secrets.DEEP }} b' },
  };
  const answer = await ask('post', '/targets/test', { target: called }).expect(200);
  expect(target.requests[0]?.body).toContain('very-deep-value');
  expect(answer.text).not.toContain('very-deep-value');
  expect(answer.body.outcome).toMatchObject({ status: 'succeeded', output: expect.stringContaining(mask) });
  expect(answer.body.request.body).toContain(mask);
  const missing = { url: target.url, template: true, headers: { a: '{{ secrets.NONE }}' } };
  const refused = await ask('post', '/targets/test', { target: missing }).expect(422);
  expect(refused.body.errors).toMatchObject([{ pointer: '#/target/headers/a' }]);
});

test('a refused address is a 422, also where only the call finds it', async () => {
  const literal = await ask('post', '/targets/test', { target: 'http://127.0.0.3:9/' }).expect(422);
  expect(literal.body.errors).toMatchObject([{ pointer: '#/target/url' }]);
  await ask('put', '/namespaces/strict', { targetDeny: ['127.0.0.1', '::1'] }).expect(201);
  const byName = { target: target.url.replace('127.0.0.1', 'localhost') };
  const found = await ask('post', '/ns/strict/targets/test', byName).expect(422);
  expect(found.body.errors).toMatchObject([{ pointer: '#/target' }]);
  expect(target.requests).toEqual([]);
});

test.each([
  [{ target: 'no url' }, '#/target/url'],
  [{ target: 'http://a.example/', timeout: '2m' }, '#/timeout'],
])('%j is a 422 with a pointer', async (body, pointer) => {
  const answer = await ask('post', '/targets/test', body).expect(422);
  expect(answer.body.errors).toMatchObject([{ pointer }]);
});

test('a 202 is told as held where the task has heartbeats', async () => {
  answering(202, 'later');
  const task = { id: 'long', schedule: { manual: true }, target: target.url, heartbeatTimeout: '1m' };
  await ask('post', '/tasks', task).expect(201);
  const { body } = await ask('post', '/tasks/long/test').expect(200);
  expect(body.outcome).toMatchObject({ status: 'held', httpStatus: 202 });
});

test('a client that hangs up ends its call, and beyond eight calls at a time the next is refused', async () => {
  target.setBehaviour(() => {});
  const requests = Array.from({ length: 8 }, () => {
    const headers = { authorization: 'Bearer root-key', 'content-type': 'application/json' };
    const request = httpRequest(`${api.url}/targets/test`, { method: 'POST', headers });
    request.on('error', () => {});
    request.end(JSON.stringify({ target: `${target.url}/silent` }));
    return request;
  });
  await target.waitFor((all) => all.length === 8);
  await ask('post', '/targets/test', { target: target.url }).expect(429);
  for (const request of requests) request.destroy();
  await Promise.all(target.requests.map(({ closed }) => closed));
  answering(200, 'again');
  await poll(async () => (await ask('post', '/targets/test', { target: target.url })).status === 200, {
    what: 'room for a call',
  });
});

test('a short secret is not shown either, nor the beginning of one where the body is cut', async () => {
  target.setBehaviour((response) => response.end());
  await ask('put', '/secrets/PIN', { value: 'pin-7' }).expect(201);
  await ask('put', '/secrets/LONG', { value: 'x'.repeat(40) }).expect(201);
  const url = `${target.url}/c`;
  const short = { url, template: true, headers: { 'x-pin': '{{ secrets.PIN }}' }, body: { pin: '{{ secrets.PIN }}' } };
  const { body } = await ask('post', '/targets/test', { target: short }).expect(200);
  expect(JSON.parse(target.requests[0]?.body ?? '')).toEqual({ pin: 'pin-7' });
  expect(JSON.stringify(body)).not.toContain('pin-7');
  expect(JSON.parse(body.request.body)).toEqual({ pin: mask });
  const text = `${'a'.repeat(16 * 1024 - 20)}{{ secrets.LONG }}`;
  const long = { url, template: true, headers: { 'content-type': 'text/plain' }, body: text };
  const cut = await ask('post', '/targets/test', { target: long }).expect(200);
  expect(target.requests[1]?.body).toContain('x'.repeat(40));
  expect(cut.body.request.body).not.toContain('x');
});

test('the target can tell that it is a test, by a trigger of its own and the id of no run', async () => {
  answering(200, '');
  await ask('post', '/tasks', { id: 'told', schedule: { manual: true }, target: target.url }).expect(201);
  const { body } = await ask('post', '/tasks/told/test').expect(200);
  const [sent] = target.requests;
  expect(sent?.headers).toMatchObject({ 'x-trigger': 'test', 'idempotency-key': sent?.headers['x-run-id'] });
  expect(JSON.parse(sent?.body ?? '')).toMatchObject({ trigger: 'test' });
  expect(body.request.headers).toMatchObject({ 'x-trigger': 'test' });
  await ask('get', `/runs/${sent?.headers['x-run-id']}`).expect(404);
});

test('an answer that never begins is a failure, and no refused address', async () => {
  target.setBehaviour((_response, _request, socket) => {
    socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50_000));
  });
  const { body } = await ask('post', '/targets/test', { target: target.url }).expect(200);
  expect(body.outcome).toMatchObject({ status: 'failed', error: { message: expect.stringContaining('interim') } });
});

test('the commands of docs/targets.md answer as the page says', { timeout: 30_000 }, async () => {
  const open = await startApi({ TARGET_DENY: 'none' });
  const page = await readFile(new URL('../../../docs/targets.md', import.meta.url), 'utf8');
  const [, commands = ''] = /^## Test calls\n.*?^```sh\n(.*?)^```$/ms.exec(page) ?? [];
  const output = await startShell().run(commands.replaceAll('localhost:8080', new URL(open.url).host));
  const answers = [...commands.matchAll(/^# → (.+)$/gm)].map(([, answer = '']) => answer);
  expect(answers).toHaveLength(2);
  for (const answer of answers) expect(output).toContain(answer);
});
