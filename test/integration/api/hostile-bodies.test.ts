import { request } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

/** A request with exactly these bytes. */
function send(method: string, path: string, body: Buffer | string): Promise<{ status: number; body: Body }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `${api.url}${path}`,
      { method, headers: { 'content-type': 'application/json' } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString() || 'null') }),
        );
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

const task = { schedule: { manual: true }, target: 'http://127.0.0.1:9/' };

describe('a body that is not JSON', () => {
  test.each([
    ['{\n  "schedule": {"manual": true},\n  "target": "http://a/",\n}', 'unexpected "}" at line 4, column 1'],
    ['{"a": nope}', 'unexpected "n" at line 1, column 7'],
    ['{"a": "b', 'unexpected end at line 1, column 9'],
    ['\ufeff[1,,2]', 'unexpected "," at line 1, column 4'],
    ['{"schedule": 1}\n{"target": 2}', 'unexpected "{" at line 2, column 1'],
  ])('%j is a 400 that says where', async (text, place) => {
    const { status, body } = await send('POST', '/tasks', text);
    expect([status, body.code]).toEqual([400, 'malformed']);
    expect(body.detail).toContain(place);
  });

  test.each([
    ['Latin-1', Buffer.from('{"name": "Müller"}', 'latin1'), 'line 1, column 12'],
    ['cut off', Buffer.from('{"name": "ü'.slice(0, 11)).subarray(0, 11), 'line 1, column 11'],
    ['UTF-16', Buffer.from('\ufeff{"name": 1}', 'utf16le'), 'line 1, column 1'],
    ['overlong', Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'line 1, column 2'],
    ['half a surrogate pair', Buffer.from([0x22, 0x0a, 0xed, 0xa0, 0x80, 0x22]), 'line 2, column 1'],
  ])('because its bytes are %s is a 400 that says where', async (_, bytes, place) => {
    for (const path of ['/tasks', '/tasks/batch', '/schedules/preview']) {
      const { status, body } = await send('POST', path, bytes);
      expect([status, body.code, body.detail]).toEqual([400, 'malformed', `the body is not UTF-8 at ${place}`]);
    }
  });

  test('however large it is', async () => {
    const items = Array.from({ length: 1_000 }, () => JSON.stringify({ ...task, description: 'x'.repeat(2_000) }));
    const { status, body } = await send('POST', '/tasks/batch', `{"items":[\n${items.join(',\n')},\n]}`);
    expect([status, body.detail]).toEqual([400, expect.stringContaining('unexpected "]" at line 1002, column 1')]);
  });

  test('a byte order mark in front of JSON does no harm', async () => {
    const { status } = await send('POST', '/schedules/preview', '\ufeff{"schedule": "@daily"}');
    expect(status).toBe(200);
  });
});

const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

test.each([
  ['PATCH', '/tasks/deep', (value: string) => value],
  ['PATCH', '/tasks/deep', (value: string) => `{"target":{"body":${value}}}`],
  ['PATCH', '/tasks/deep', (value: string) => `{"labels":${value}}`],
  [
    'PUT',
    '/tasks/deep',
    (value: string) => `{"schedule":{"manual":true},"target":{"url":"http://127.0.0.1:9/","body":${value}}}`,
  ],
  ['POST', '/tasks', (value: string) => `{"schedule":${value},"target":"http://127.0.0.1:9/"}`],
  ['POST', '/tasks/batch', (value: string) => `{"items":[${value}]}`],
  ['POST', '/schedules/preview', (value: string) => value],
])('%s %s with a body 40,000 levels deep is a 400', async (method, path, around) => {
  if (path === '/tasks/deep') await send('PUT', '/tasks/deep', JSON.stringify(task));
  for (const levels of [99, 101, 40_000]) {
    const { status, body } = await send(method, path, around(deep(levels)));
    expect([levels, status >= 400 && status < 500, body.code === 'internal']).toEqual([
      levels,
      path !== '/tasks/batch' || levels > 98,
      false,
    ]);
  }
  const lists = await send(method, path, around(`${'['.repeat(40_000)}${']'.repeat(40_000)}`));
  expect([lists.status, lists.body.code]).toEqual([400, 'malformed']);
  expect(lists.body.detail).toContain('nested deeper than 100 levels at line 1, column ');
});

describe('what would take long to refuse', () => {
  const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, place) => [`!${place}`, '']));

  test.each([
    ['labels', { labels: names(20_000) }, '#/labels'],
    ['unknown fields', names(20_000), '#'],
    ['unknown fields of a retry', { retry: names(20_000) }, '#/retry'],
    ['headers', { target: { url: 'http://127.0.0.1:9/', headers: names(20_000) } }, '#/target/headers'],
    ['a list', { retry: { retryOn: Array(60_000).fill('') } }, '#/retry/retryOn'],
    [
      'statuses',
      { target: { url: 'http://127.0.0.1:9/', successStatus: Array(60_000).fill('') } },
      '#/target/successStatus',
    ],
  ])('%s: how many there are is looked at first', async (_, more, pointer) => {
    const { status, body } = await send('POST', '/tasks', JSON.stringify({ ...task, ...more }));
    expect([status, body.errors]).toEqual([
      400,
      [{ pointer, detail: expect.stringContaining('must NOT have more than') }],
    ]);
    const batch = await send('POST', '/tasks/batch', JSON.stringify({ items: [{ ...task, ...more }, task] }));
    expect(batch.body.items.map((item: Body) => item.status)).toEqual([400, 201]);
  });

  test('an item of a batch is no larger than a task may be', async () => {
    const items = [
      { ...task, labels: names(300_000) },
      task,
      { ...task, target: { url: 'http://127.0.0.1:9/', body: 'x'.repeat(300_000) } },
    ];
    const { status, body } = await send('POST', '/tasks/batch', JSON.stringify({ items }));
    expect([status, body.items.map((item: Body) => item.status)]).toEqual([200, [413, 201, 413]]);
  });
});

describe('a page is bounded by bytes as well', () => {
  test('of tasks and of what happened to one: it ends early and goes on', async () => {
    const body = Array.from({ length: 25_000 }, (_, place) => `${place}`).join(' ');
    const ids = Array.from({ length: 80 }, (_, place) => `large-${String(place).padStart(2, '0')}`);
    for (const id of ids)
      expect(
        (await send('PUT', `/tasks/${id}`, JSON.stringify({ ...task, target: { url: 'http://127.0.0.1:9/', body } })))
          .status,
      ).toBe(201);
    const [id = ''] = ids;
    const names = ids.slice(0, 30);
    for (const name of names)
      await send('PATCH', `/tasks/${id}`, JSON.stringify({ target: { body: `${body} ${name}` } }));
    // More than the texts that are kept: a page then pushes out what the next one, or this one, needs.
    for (let time = 1; time <= 3; time++) expect(await all('/tasks?q=large-', (item) => item.id)).toEqual(ids);
    expect(await all(`/tasks/${id}/events`, (item) => item.type)).toEqual([...names.map(() => 'updated'), 'created']);
  });

  async function all(path: string, view: (item: Body) => string): Promise<string[]> {
    const found: string[] = [];
    for (let next: string | null = `${path}${path.includes('?') ? '&' : '?'}limit=200`; next !== null; ) {
      const answer: { text: string; headers: Record<string, string> } = await api.http.get(next).expect(200);
      expect(Buffer.byteLength(answer.text)).toBeLessThan(2.5 * 1024 * 1024);
      const page = JSON.parse(answer.text);
      expect(page.items.length).toBeGreaterThan(0);
      found.push(...page.items.map(view));
      next = page.nextCursor === null ? null : (/^<([^>]+)>/.exec(answer.headers.link ?? '')?.[1] ?? '');
    }
    return found;
  }
});
