import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { problemTable } from '../../../src/http/problems.ts';
import { poll } from '../../poll.ts';
import { ask, connectTo, exchange } from '../../raw-http.ts';
import { startTarget } from '../../target.ts';
import { type Api, startApi } from './client.ts';

const task = JSON.stringify({ schedule: { manual: true }, target: 'http://127.0.0.1:9/' });

let api: Api;
beforeAll(async () => {
  api = await startApi({ CORS_ORIGINS: 'https://app.example', ALLOWED_HOSTS: 'punctual.example', BASE_PATH: '/' });
});

/** What a request that is written like this is answered. */
async function answerTo(first: string, ...headers: string[]) {
  return ask(api.url, [first, ...headers, '', ''].join('\r\n'));
}

function expectProblem(answer: Awaited<ReturnType<typeof ask>>, status: number, code: keyof typeof problemTable) {
  expect([answer.status, answer.problem.code, answer.problem.status]).toEqual([status, code, status]);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.problem).toMatchObject({
    type: `urn:punctual:problem:${code}`,
    title: problemTable[code].title,
    detail: expect.any(String),
    instance: expect.stringMatching(/^\//),
    requestId: answer.headers['x-request-id'],
  });
}

describe('a host that is not ours', () => {
  test('is a 421 for every path, and only health is answered', async () => {
    for (const path of ['/tasks', '/nowhere', '/metrics', '/docs/', '/openapi.json', '/', '/runs/x'])
      expectProblem(await answerTo(`GET ${path} HTTP/1.1`, 'Host: evil.example'), 421, 'misdirected');
    for (const path of ['/livez', '/readyz', '/healthz'])
      expect((await answerTo(`GET ${path} HTTP/1.1`, 'Host: evil.example')).status).toBe(200);
    expectProblem(
      await ask(
        api.url,
        `POST /tasks HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: ${task.length}\r\n\r\n${task}`,
      ),
      421,
      'misdirected',
    );
    expect((await api.http.get('/tasks').expect(200)).body.items).toEqual([]);
    expect((await answerTo('GET /tasks HTTP/1.1', 'Host: Punctual.Example.:99')).status).toBe(200);
  });

  test('is told from none and from two', async () => {
    expectProblem(await answerTo('GET /tasks HTTP/1.1'), 400, 'malformed');
    expectProblem(await answerTo('GET /tasks HTTP/1.1', 'Host:'), 400, 'malformed');
    expectProblem(await answerTo('GET /tasks HTTP/1.1', 'Host: localhost', 'hOST: localhost'), 400, 'malformed');
    expect((await answerTo('GET /tasks HTTP/1.0')).status).toBe(200);
    expectProblem(await answerTo('GET /tasks HTTP/1.0', 'Host: evil.example'), 421, 'misdirected');
  });

  test('in the request target counts too', async () => {
    expect((await answerTo('GET http://localhost/tasks?limit=1 HTTP/1.1', 'Host: localhost')).status).toBe(200);
    expectProblem(await answerTo('GET http://evil.example/tasks HTTP/1.1', 'Host: localhost'), 421, 'misdirected');
    expectProblem(await answerTo('GET http://localhost/tasks HTTP/1.1', 'Host: evil.example'), 421, 'misdirected');
  });
});

describe('a page of another origin', () => {
  test('changes nothing', async () => {
    for (const headers of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: api.url },
    ]) {
      // As a page sends it without asking first.
      const answer = await api.http.post('/tasks').set(headers).set('content-type', 'text/plain').send(task);
      expect([answer.status, answer.body.code]).toEqual([403, 'cross_site']);
      for (const method of ['put', 'patch', 'delete'] as const)
        expect((await api.http[method]('/tasks/x').set(headers)).body.code).toBe('cross_site');
    }
    await api.http.get('/tasks').set('sec-fetch-site', 'cross-site').expect(200);
    await api.http
      .post('/tasks')
      .set({ origin: api.url, 'sec-fetch-site': 'same-origin' })
      .send(JSON.parse(task))
      .expect(201);
  });

  test('that CORS_ORIGINS lists asks first, acts, and reads the headers', async () => {
    const origin = 'https://app.example';
    const preflight = await api.http
      .options('/tasks/x')
      .set({ origin, 'access-control-request-method': 'DELETE', 'access-control-request-headers': 'authorization' })
      .expect(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': expect.stringContaining('DELETE'),
      'access-control-allow-headers': expect.stringContaining('authorization'),
    });
    const created = await api.http
      .post('/tasks')
      .set({ origin, 'sec-fetch-site': 'cross-site' })
      .send(JSON.parse(task))
      .expect(201);
    expect(created.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': expect.stringContaining('ETag'),
      vary: 'Origin',
    });
    // Also what goes wrong can be read.
    const missing = await api.http.get('/tasks/none').set({ origin }).expect(404);
    expect(missing.headers['access-control-allow-origin']).toBe(origin);
    const other = await api.http
      .options('/tasks')
      .set({ origin: 'https://evil.example', 'access-control-request-method': 'POST' });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
    expect(other.headers.vary).toBe('Origin');
  });
});

describe('a method', () => {
  test.each([
    ['DELETE', '/tasks', 'GET, HEAD, POST, OPTIONS'],
    ['POST', '/tasks/x', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'],
    ['POST', '/tasks/x/', 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS'],
    ['GET', '/tasks/batch/trigger', 'POST, OPTIONS'],
    ['PROPFIND', '/tasks', 'GET, HEAD, POST, OPTIONS'],
    ['TRACE', '/runs', 'GET, HEAD, OPTIONS'],
    ['PUT', '/livez', 'GET, HEAD, OPTIONS'],
    ['POST', '/docs/', 'GET, HEAD, OPTIONS'],
    ['DELETE', '/openapi.json', 'GET, HEAD, OPTIONS'],
    ['PATCH', '/runs/x/complete', 'POST, OPTIONS'],
    ['POST', '/', 'GET, HEAD, OPTIONS'],
  ])('%s of %s is a 405 that names those it has', async (method, path, allow) => {
    const answer = await answerTo(`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Content-Length: 0');
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.allow).toBe(allow);
  });

  test('OPTIONS tells them, and of a path that is none is a 404', async () => {
    const { headers } = await api.http.options('/tasks').expect(204);
    expect(headers.allow).toBe('GET, HEAD, POST, OPTIONS');
    await api.http.options('/nowhere').expect(404);
    await api.http.delete('/nowhere').expect(404);
    expect((await answerTo('OPTIONS * HTTP/1.1', 'Host: localhost')).status).toBe(204);
  });

  test('CONNECT is refused', async () => {
    expectProblem(await answerTo('CONNECT example.org:443 HTTP/1.1', 'Host: example.org'), 405, 'method_not_allowed');
  });

  test('CONNECT from clients that break off ends nothing', async () => {
    const connectLine = 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n';
    const before = ['', 'GET /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n', '\r\n'];
    for (let i = 0; i < 20; i++) {
      const socket = await connectTo(api.url);
      await new Promise<void>((written) => socket.write(`${before[i % 3]}${connectLine}`, () => written()));
      socket.resetAndDestroy();
    }
    // One whose first request is still under way.
    const target = await startTarget();
    const held: (() => void)[] = [];
    target.setBehaviour((response) => held.push(() => response.end()));
    await api.createManual('before-connect', { target: target.url });
    const socket = await connectTo(api.url);
    socket.write(
      `POST /tasks/before-connect/trigger HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=30\r\n\r\n${connectLine}`,
    );
    await target.waitFor((requests) => requests.length === 1);
    socket.resetAndDestroy();
    for (const release of held) release();
    await api.runsOf('before-connect', ([run]) => run?.status === 'succeeded');
    for (let i = 0; i < 5; i++) await api.http.get('/livez').expect(200);
  });
});

describe('what is no request', () => {
  test.each([
    ['a method that HTTP does not know', 'FOO /tasks HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['no version', 'GET /tasks\r\n\r\n'],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    [
      'a length and chunks',
      'POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['a length that is none', 'POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3x\r\n\r\nabcd'],
    [
      'an encoding that ends in something else',
      'POST /tasks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n',
    ],
    ['a folded header', 'GET /tasks HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n X-B: 2\r\nX y: z\r\n\r\n'],
    ['a blank before the colon', 'GET /tasks HTTP/1.1\r\nHost : localhost\r\n\r\n'],
  ])('%s is a 400', async (_, text) => expectProblem(await ask(api.url, text), 400, 'malformed'));

  test('too long a URL is a 414, too large headers are a 431, and both say so', async () => {
    const long = 'x'.repeat(9_000);
    expectProblem(await answerTo(`GET /tasks?q=${long} HTTP/1.1`, 'Host: localhost'), 414, 'uri_too_long');
    expectProblem(await answerTo(`GET /tasks?q=${long}${long} HTTP/1.1`, 'Host: localhost'), 414, 'uri_too_long');
    expectProblem(
      await answerTo('GET /tasks HTTP/1.1', 'Host: localhost', `X-A: ${long}${long}`),
      431,
      'headers_too_large',
    );
    const many = Array.from({ length: 1_500 }, (_, i) => `X-${i}: 12345678`);
    expectProblem(await answerTo('GET /tasks HTTP/1.1', 'Host: localhost', ...many), 431, 'headers_too_large');
  });

  test('an expectation that nobody meets is a 417', async () => {
    expectProblem(
      await answerTo('GET /tasks HTTP/1.1', 'Host: localhost', 'Expect: a-miracle'),
      417,
      'expectation_failed',
    );
  });

  test('spoils nothing that came before it', async () => {
    const answers = await exchange(
      api.url,
      'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /tasks HTTP/1.1\r\nHost: localhost\r\n\r\nFOO\r\n\r\n',
      3,
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 400]);
    expect(answers.at(-1)?.headers.connection).toBe('close');
  });
});

test('answers say what browsers may not do with them', async () => {
  for (const path of ['/tasks', '/nowhere', '/livez', '/openapi.json']) {
    const { headers } = await api.http.get(path);
    expect(headers, path).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
  }
  const { headers, text } = await api.http.get('/docs/').expect(200);
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
  const policy = headers['content-security-policy'] as string;
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toMatch(/script-src 'self';/);
  // Nothing that the policy would stop.
  expect(text).not.toMatch(/<script(?![^>]* src=)|https?:\/\/|\son\w+=/);
  for (const [, file] of text.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) await api.http.get(`/docs/${file}`).expect(200);
});

test('below BASE_PATH all is found, and links lead back there', { timeout: 60_000 }, async () => {
  const below = await startApi({ BASE_PATH: '/punctual/', KEEP_ALIVE_TIMEOUT: '7s' });
  await below.http.get('/tasks').expect(404);
  await below.http.get('/punctualx/tasks').expect(404);
  const health = await ask(below.url, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  expect(health.headers['keep-alive']).toBe('timeout=7');
  await below.http.get('/docs/').expect(404);
  for (const path of ['/livez', '/readyz', '/healthz', '/metrics'])
    for (const prefix of ['', '/punctual']) await below.http.get(prefix + path).expect(200);
  const created = await below.http
    .post('/punctual/tasks')
    .send({ id: 'a', ...JSON.parse(task) })
    .expect(201);
  expect(created.headers.location).toBe('/punctual/tasks/a');
  await below.http
    .post('/punctual/tasks')
    .send({ id: 'b', ...JSON.parse(task) })
    .expect(201);
  const page = await below.http.get('/punctual/tasks?limit=1').expect(200);
  const [, next = ''] = /<([^>]+)>; rel="next"/.exec(page.headers.link ?? '') ?? [];
  expect(next).toMatch(/^\/punctual\/tasks\?/);
  expect((await below.http.get(next).expect(200)).body.items).toHaveLength(1);
  const run = await below.http.post('/punctual/tasks/a/trigger').expect(202);
  await below.http.get(run.headers.location as string).expect(200);
  const missing = await below.http.get('/punctual/tasks/none').expect(404);
  expect(missing.body.instance).toBe('/punctual/tasks/none');
  const wrong = await below.http.delete('/punctual/tasks').expect(405);
  expect(wrong.headers.allow).toBe('GET, HEAD, POST, OPTIONS');
  expect((await below.http.get('/punctual/openapi.json').expect(200)).body.servers).toMatchObject([
    { url: '/punctual' },
  ]);
  for (const path of ['/punctual', '/punctual/'])
    expect((await below.http.get(path).set('accept', 'text/html').expect(302)).headers.location).toBe(
      '/punctual/console/',
    );
  const index = await below.http.get('/punctual/docs').expect(200);
  const files = [...index.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file as string);
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) await below.http.get(new URL(file, 'http://h/punctual/docs').pathname).expect(200);
});

describe('wrong credentials', () => {
  test('again and again are slowed down and logged; right ones are not kept waiting', { timeout: 60_000 }, async () => {
    const sha256 = createHash('sha256').update('the-key').digest('hex');
    const closed = await startApi({ API_KEYS: `ci:admin:${sha256}` });
    const wrong = () => closed.http.get('/tasks').set('authorization', 'Bearer hush-hush').expect(401);
    for (let i = 0; i < 4; i++) await wrong();
    const audited = () =>
      closed.replica.logs().filter(({ audit, failures }) => audit === true && failures !== undefined);
    expect(audited()).toEqual([]);
    await wrong();
    await poll(async () => audited().length === 1, { what: 'a line of the log' });
    expect(audited()[0]).toMatchObject({ level: 'warn', address: '127.0.0.1', failures: 5, reason: 'invalid' });
    const began = performance.now();
    for (let i = 0; i < 4; i++) await wrong();
    // Timers never end early: 25, 50, 100 and 200 ms after the fifth.
    expect(performance.now() - began).toBeGreaterThan(300);
    await closed.http.get('/tasks').set('authorization', 'Bearer the-key').expect(200);
    await closed.http.get('/livez').expect(200);
    // A wrong method of a public path is no matter of credentials, one of another is.
    await closed.http.post('/livez').expect(405);
    await closed.http.delete('/tasks').expect(401);
    const { text } = await closed.http.get('/metrics').expect(200);
    expect(text).toContain('http_credentials_refused_total{reason="invalid"} 9');
    expect(closed.replica.output()).not.toContain('hush-hush');
  });
});
