import { beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const good = {
  id: 'good',
  name: 'Good',
  description: 'd',
  labels: { team: 'a' },
  schedule: { cron: '0 2 * * *', timezone: 'Europe/Berlin' },
  target: {
    type: 'http',
    method: 'POST',
    url: 'http://127.0.0.1:9/',
    headers: { 'x-a': 'b' },
    body: { a: 1 },
    successStatus: ['2xx'],
  },
  timeout: '30s',
  retry: {
    maxAttempts: 3,
    backoff: 'exponential',
    minBackoff: '1s',
    maxBackoff: '5m',
    maxDuration: '1h',
    multiplier: 2,
    jitter: 0.2,
    retryOn: ['timeout'],
  },
  overlap: 'allow',
  maxConcurrency: 4,
  concurrency: { key: 'reports', limit: 3 },
  rate: { key: 'billing', limit: 10, period: '1m' },
  hooks: {
    before: { url: 'http://127.0.0.1:9/check', headers: { 'x-a': 'b' }, timeout: '5s', onError: 'skip' },
    onSuccess: { url: 'http://127.0.0.1:9/done' },
    onFailure: 'http://127.0.0.1:9/failed',
  },
  heartbeatTimeout: '20s',
  fallback: { url: 'http://127.0.0.1:9/other', headers: { 'x-a': 'b' } },
  template: false,
  misfire: { policy: 'skip', grace: '1m', limit: 5 },
  startsAt: '2099-01-01T00:00:00Z',
  endsAt: '2099-12-01T00:00:00Z',
  maxRuns: 5,
  jitter: '5s',
  priority: 3,
  status: 'active',
};

const anything = [
  42,
  -1,
  1.5,
  true,
  '',
  ' ',
  'x',
  '\u0000',
  '\ud800',
  'x'.repeat(5_000),
  [],
  [[]],
  {},
  { a: 1 },
  1e300,
  '☃',
];

/** Values that each field may well have, so that the walk below does not expect them to be refused. */
const allowed: Record<string, (value: unknown) => boolean> = {
  id: (value) => value === 'x',
  name: (value) => ['x', '☃', ' '].includes(value as string),
  description: (value) => ['', ' ', 'x', '☃'].includes(value as string),
  'labels/team': (value) => ['', ' ', 'x', '☃'].includes(value as string),
  labels: (value) => JSON.stringify(value) === '{}',
  target: () => false,
  'target/headers': (value) => JSON.stringify(value) === '{}',
  'target/headers/x-a': (value) => ['', ' ', 'x', 'x'.repeat(5_000)].includes(value as string),
  'target/body': (value) => !['\u0000', '\ud800'].includes(value as string),
  'retry/multiplier': (value) => value === 42 || value === 1.5,
  'retry/maxAttempts': (value) => value === 42,
  'retry/retryOn': (value) => JSON.stringify(value) === '[]',
  retry: (value) => JSON.stringify(value) === '{}',
  misfire: (value) => JSON.stringify(value) === '{}',
  'misfire/limit': (value) => value === 42,
  maxRuns: (value) => value === 42,
  maxConcurrency: (value) => value === 42,
  'concurrency/key': (value) => value === 'x',
  'concurrency/limit': (value) => value === 42,
  'rate/key': (value) => value === 'x',
  'rate/limit': (value) => value === 42,
  hooks: (value) => JSON.stringify(value) === '{}',
  'hooks/before/headers': (value) => JSON.stringify(value) === '{}',
  'hooks/before/headers/x-a': (value) => ['', ' ', 'x', 'x'.repeat(5_000)].includes(value as string),
  'fallback/headers': (value) => JSON.stringify(value) === '{}',
  'fallback/headers/x-a': (value) => ['', ' ', 'x', 'x'.repeat(5_000)].includes(value as string),
  template: (value) => value === true,
};

function paths(value: unknown, prefix: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix];
  const below = Object.entries(value).flatMap(([name, member]) => paths(member, [...prefix, name]));
  return prefix.length === 0 ? below : [prefix, ...below];
}

function withValue(path: string[], value: unknown): Body {
  const copy = structuredClone(good) as Body;
  const last = path.at(-1) as string;
  const parent = path.slice(0, -1).reduce((node, name) => node[name], copy);
  parent[last] = value;
  return copy;
}

const walked = paths(good).filter((path) => path.join('/') !== 'target/body/a');

describe('one fault at a time', () => {
  test('the task without a fault is accepted', async () => {
    await api.http.post('/tasks').send(good).expect(201);
    await api.http.delete('/tasks/good').expect(204);
  });

  test.each(walked.map((path) => [path.join('/'), path] as const))(
    'in %s is a 4xx with a pointer to it',
    async (name, path) => {
      for (const value of anything) {
        if (allowed[name]?.(value)) continue;
        const answer = await api.http.post('/tasks').send(withValue([...path], value));
        const told = `${JSON.stringify(value)?.slice(0, 40)} → ${answer.status} ${answer.text.slice(0, 300)}`;
        expect([400, 422], told).toContain(answer.status);
        const pointers: string[] = answer.body.errors.map((error: { pointer: string }) => error.pointer);
        expect(
          pointers.some((pointer) => pointer.startsWith(`#/${path[0]}`)),
          told,
        ).toBe(true);
      }
      expect((await api.http.get('/tasks?limit=200').expect(200)).body.items).toEqual([]);
    },
  );

  test.each(['', 'schedule/', 'target/', 'retry/', 'misfire/', 'concurrency/', 'rate/', 'hooks/', 'hooks/before/'])(
    'an unknown field in %s is a 400',
    async (place) => {
      const path = `${place}surprise`.split('/');
      const { body } = await api.http.post('/tasks').send(withValue(path, 1)).expect(400);
      expect(body.errors).toEqual([{ pointer: `#/${path.join('/')}`, detail: 'is not a known field' }]);
    },
  );

  test.each(['schedule', 'target'])('%s is required', async (name) => {
    const { body } = await api.http
      .post('/tasks')
      .send(withValue([name], undefined))
      .expect(400);
    expect(body.errors).toEqual([{ pointer: `#/${name}`, detail: 'is required' }]);
  });

  test.each([
    ['schedule', '0 0 31 2 *', '#/schedule'],
    ['schedule', { cron: '0 0 * * *', timezone: 'Mars/Olympus' }, '#/schedule/timezone'],
    ['schedule', { cron: '* * * * *', every: '5s' }, '#/schedule'],
    ['schedule', { every: '50ms' }, '#/schedule/every'],
    ['schedule', { at: '2020-01-01T00:00:00Z' }, '#/schedule/at'],
    ['schedule', {}, '#/schedule'],
    ['target', 'ftp://example.com/', '#/target/url'],
    ['target', 'http://169.254.169.254/latest/meta-data', '#/target/url'],
    ['target', 'http://user:pass@example.com/', '#/target/url'],
    ['target', { url: 'http://127.0.0.1:9/', headers: { host: 'x y' } }, '#/target/headers/host'],
    ['target', { url: 'http://127.0.0.1:9/', headers: { 'x-a': 'a\r\nb: c' } }, '#/target/headers/x-a'],
    ['endsAt', '2098-01-01T00:00:00Z', '#/endsAt'],
    ['status', 'completed', '#/status'],
    ['overlap', 'skip', '#/maxConcurrency'],
    ['concurrency', { key: 'reports' }, '#/concurrency/limit'],
    ['concurrency', { limit: 2 }, '#/concurrency/key'],
    ['rate', { key: 'billing', limit: 10 }, '#/rate/period'],
    ['rate', { key: 'billing', period: '1m' }, '#/rate/limit'],
    ['rate', { key: 'billing', limit: 10, period: '2d' }, '#/rate/period'],
    ['heartbeatTimeout', '2h', '#/heartbeatTimeout'],
    ['fallback', 'http://169.254.169.254/latest/meta-data', '#/fallback/url'],
    ['fallback', { url: 'ftp://example.com' }, '#/fallback/url'],
    ['hooks', { before: 'ftp://example.com' }, '#/hooks/before/url'],
    ['hooks', { onSuccess: { url: 'http://169.254.169.254/' } }, '#/hooks/onSuccess/url'],
    ['hooks', { onMissed: { headers: {} } }, '#/hooks/onMissed/url'],
    [
      'hooks',
      { onFailure: { url: 'http://127.0.0.1:9/', headers: { 'x-run-token': 'a' } } },
      '#/hooks/onFailure/headers/x-run-token',
    ],
  ])('%s: %j makes no sense', async (name, value, pointer) => {
    const { body } = await api.http
      .post('/tasks')
      .send(withValue([name], value))
      .expect(422);
    expect(body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
    expect(body.errors.every((error: { detail: string }) => error.detail.length > 10)).toBe(true);
  });

  test('a backoff that contradicts itself is a 422', async () => {
    const { body } = await api.http
      .post('/tasks')
      .send(withValue(['retry', 'minBackoff'], '1h'))
      .expect(422);
    expect(body.errors[0].pointer).toBe('#/retry/minBackoff');
  });
});
