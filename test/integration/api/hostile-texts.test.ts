import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Api, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi({ SECRETS_KEYS: randomBytes(32).toString('base64') });
  await api.createManual('known');
});

type Parameter = { name: string; in: 'path' | 'query' | 'header' };
type Operation = { parameters?: Parameter[]; requestBody?: unknown };
type Contract = { paths: Record<string, Record<string, Operation>> };
const { paths } = parse(readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8')) as Contract;
const methods = ['get', 'post', 'put', 'patch', 'delete'];
const operations = Object.entries(paths).flatMap(([path, byMethod]) =>
  Object.entries(byMethod)
    .filter(([method]) => methods.includes(method))
    .map(([method, operation]) => ({ path, method, operation })),
);

/** As they stand in a URL. */
const nasty = [
  '%00',
  'a%00b',
  '%ED%A0%80',
  '%EF%BF%BD',
  '%FF',
  '%',
  '%2e%2e%2f',
  "'%3B--",
  '%F0%9F%98%80',
  '%E2%80%AE',
  '%0A%0D',
  'x'.repeat(300),
  '%25%5C_',
  '9'.repeat(30),
  '-1',
  '1e9',
  'null',
  '%7B%7D',
  '0001-01-01T00%3A00%3A00Z',
  '9999-12-31T23%3A59%3A59Z',
  Buffer.from('\0').toString('base64url'),
  Buffer.from('9'.repeat(15)).toString('base64url'),
  Buffer.from('ffffffff-ffff-ffff-ffff-ffffffffffff').toString('base64url'),
];
/** As a header can hold them. */
const nastyHeaders = [
  '',
  ' ',
  '\t',
  '\xff\x80',
  '"',
  'a,b',
  '*',
  'W/"',
  'x'.repeat(3_000),
  'wait=99999999999',
  "';--",
  '\u00a0',
];
const nastyBodies = [
  '{"\\u0000":"\\u0000"}',
  '"\\u0000"',
  '[]',
  'null',
  '0',
  '{"schedule":{"manual":true},"target":{"url":"http://127.0.0.1:9/","template":true,"headers":{"x-a":"{{ \\"\\\\u0000\\" }}"}}}',
  '{"schedule":{"manual":true},"target":{"url":"http://127.0.0.1:9/","template":true,"headers":{"x-a":"{{ \\u0000 }}"}}}',
  '{"schedule":"\\u0000","target":"http://127.0.0.1:9/"}',
  '{"schedule":{"manual":true},"target":"http://127.0.0.1:9/","labels":{"a":"\\ud800"}}',
  '{"schedule":{"manual":true},"target":{"url":"http://127.0.0.1:9/","body":{"\\ud800":1}}}',
  '{"target":{"body":{"a":{"\\u0000":null}}}}',
  '{"hooks":{"before":{"url":"http://127.0.0.1:9/","headers":{"x-a":"\\u0000"}}}}',
  '{"output":"\\u0000","progress":{"\\u0000":1},"error":"\\ud800","input":"\\u0000","triggerSource":"\\u0000"}',
  '{"items":[{"id":"\\u0000"},{"name":"\\u0000"},"\\u0000",null,[]]}',
  '{"from":"\\u0000","to":"\\ud800","limit":1e300}',
  '{"cancel":"\\u0000","catchUp":"\\ud800"}',
  '{"maxRuns":1e400,"priority":12345678901234567890,"__proto__":{"a":1}}',
];

type Asked = { method: string; path: string; headers?: Record<string, string>; body?: string };

/** The status, without anything in between that would mend the request; 0 where the connection was closed instead. */
function ask({ method, path, headers = {}, body }: Asked): Promise<number> {
  return new Promise((resolve) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request(
      `${api.url}`,
      { path, method: method.toUpperCase(), headers: { ...type, ...headers } },
      (answer) => {
        const { statusCode = 0, headers } = answer;
        // A stream goes on until somebody ends it.
        if (headers['content-type']?.startsWith('text/event-stream')) {
          resolve(statusCode);
          answer.destroy();
        } else answer.resume().on('end', () => resolve(statusCode));
      },
    );
    asked.on('error', () => resolve(0));
    asked.end(body);
  });
}

const filled = (path: string, value = 'known') => path.replace(/\{[^}]+\}/g, value);

function* requestsTo({ path, method, operation }: (typeof operations)[number]): Generator<Asked> {
  const parameters = operation.parameters ?? [];
  const body = operation.requestBody === undefined ? {} : { body: '{}' };
  for (const value of nasty) {
    if (path.includes('{')) yield { method, path: filled(path, value), ...body };
    for (const { name } of parameters.filter((each) => each.in === 'query'))
      yield { method, path: `${filled(path)}?${name}=${value}`, ...body };
    yield { method, path: `${filled(path)}?${value}=${value}`, ...body };
  }
  const names = [
    'if-match',
    'if-none-match',
    'idempotency-key',
    'prefer',
    'x-request-id',
    'x-run-token',
    'authorization',
    'traceparent',
  ];
  for (const name of new Set([...names, ...parameters.filter((each) => each.in === 'header').map((each) => each.name)]))
    for (const value of nastyHeaders) yield { method, path: filled(path), headers: { [name]: value }, ...body };
  for (const text of nastyBodies) {
    yield { method, path: filled(path), body: text };
    yield { method, path: filled(path, '00000000-0000-7000-8000-000000000000'), body: text };
  }
}

test.each(operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
  '%s answers whatever text it is sent, and never with a 500',
  { timeout: 120_000 },
  async (_, operation) => {
    const wrong: string[] = [];
    for (const asked of requestsTo(operation)) {
      const status = await ask(asked);
      if (status === 0 || status === 503 || (status >= 500 && !['/readyz', '/healthz'].includes(operation.path)))
        wrong.push(`${status} ${JSON.stringify(asked).slice(0, 200)}`);
    }
    expect(wrong).toEqual([]);
  },
);

test('nothing of it was left for the net below', () => {
  expect(
    api.replica
      .logs()
      .filter(({ level, msg }) => (level === 'error' || level === 'warn') && !String(msg).startsWith('run '))
      .map(({ msg, err }) => [msg, err]),
  ).toEqual([
    [expect.stringContaining('No auth is set'), undefined],
    [expect.stringContaining('REDIS_URL is not set'), undefined],
  ]);
});
