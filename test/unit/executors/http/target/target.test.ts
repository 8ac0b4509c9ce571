import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTarget } from '../../../../../src/executors/http/target/target.ts';

const url = 'https://example.com/hook';

function pointersOf(input: unknown): string[] {
  const target = readTarget(input);
  return target.ok ? [] : target.errors.map((error) => error.pointer);
}

test('a URL alone is a POST that any 2xx satisfies', () => {
  expect(readTarget(url)).toEqual({
    ok: true,
    value: { type: 'http', method: 'POST', url, headers: {}, successStatus: ['2xx'] },
  });
});

test('header names become lower case, values lose blanks around them, repeated statuses go', () => {
  const target = readTarget({
    url,
    method: 'PUT',
    headers: { 'X-Tenant': ' a ', ETag: 'ä' },
    body: null,
    successStatus: ['404', '2xx', '404'],
  });
  expect(target).toEqual({
    ok: true,
    value: { type: 'http', method: 'PUT', url, headers: { 'x-tenant': 'a', etag: 'ä' }, successStatus: ['404', '2xx'] },
  });
});

test('a body is any JSON value, false and 0 too', () => {
  for (const body of [false, 0, '', [], {}, { deep: [{ er: 'ü' }] }])
    expect(readTarget({ url, body })).toMatchObject({ ok: true, value: { body } });
});

test.each([
  'ftp://example.com',
  'example.com',
  '/path',
  '//example.com/',
  'http:example.com',
  'http:/example.com',
  'http://',
  'http://exa mple.com/',
  'http://example.com/a b',
  'http://example.com/\n',
  ' http://example.com/',
  'http:\\\\example.com\\',
  'http://example.com\\@evil.example/',
  'http://user:pass@example.com/',
  'http://user@example.com/',
  'http://example.com/#part',
  'http://example.com/#',
  'http://example.com:0/',
  'http://example.com:99999/',
  'http://1.2.3.999/',
  'http://[::1/',
  'javascript:alert(1)',
  'file:///etc/passwd',
  '',
  `http://example.com/${'x'.repeat(2048)}`,
  'http://example.com/\ud800',
])('the URL %j is refused', (bad) => {
  expect(pointersOf({ url: bad })).toEqual(['#/target/url']);
});

test.each([
  'http://billing:8080/report?a=b&c=%20',
  'HTTPS://EXAMPLE.com',
  'http://[::1]:9/',
  'http://1.2.3.4',
  'https://bücher.example/ü',
])('the URL %s is kept as it is', (good) => {
  expect(readTarget(good)).toMatchObject({ ok: true, value: { url: good } });
});

test.each([
  ['Host', 'a b'],
  ['Host', 'a/b'],
  ['Host', 'user@a'],
  ['Host', ''],
  ['Connection', 'close'],
  ['Keep-Alive', 'a'],
  ['Proxy-Authorization', 'a'],
  ['TE', 'trailers'],
  ['Trailer', 'a'],
  ['Transfer-Encoding', 'chunked'],
  ['Upgrade', 'h2c'],
  ['Content-Length', '3'],
  ['Expect', '100-continue'],
  ['X-Task-Id', 'a'],
  ['X-Run-Id', 'a'],
  ['X-Trigger-Source', 'a'],
  ['X-Attempt', 'a'],
  ['X-Scheduled-For', 'a'],
  ['X-Deadline', 'a'],
  ['X-Trigger', 'a'],
  ['Idempotency-Key', 'a'],
  ['traceparent', 'a'],
  ['Webhook-Signature', 'a'],
  ['X-Foo', 'a\r\nX-Evil: b'],
  ['X-Foo', 'a\0b'],
  ['X-Foo', '\u0085'],
  ['X-Foo', '€'],
  ['X-Foo', 3],
  ['X-Foo', null],
])('the header %s: %j is refused with its name', (name, value) => {
  expect(pointersOf({ url, headers: { [name]: value } })).toEqual([`#/target/headers/${name}`]);
});

test.each([
  ['X Foo', '#/target/headers/X%20Foo'],
  ['a/b~c', '#/target/headers/a~1b~0c'],
  ['', '#/target/headers/'],
  ['X-Ü', '#/target/headers/X-%C3%9C'],
  ['\ud800', '#/target/headers/%EF%BF%BD'],
])('the header name %j is refused at %s', (name, pointer) => {
  expect(pointersOf({ url, headers: { [name]: 'a' } })).toEqual([pointer]);
});

test('headers are refused when two differ in case only, when too many and when too large', () => {
  expect(pointersOf({ url, headers: { 'X-A': '1', 'x-a': '2' } })).toEqual(['#/target/headers/x-a']);
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`x-${index}`, '']));
  expect(pointersOf({ url, headers: many })).toEqual(['#/target/headers']);
  expect(pointersOf({ url, headers: { 'x-a': 'a'.repeat(16 * 1024) } })).toEqual(['#/target/headers']);
});

test.each([
  [[], '#/target/successStatus'],
  ['2xx', '#/target/successStatus'],
  [Array.from({ length: 21 }, (_, index) => String(200 + index)), '#/target/successStatus'],
  [['2xx', '6xx'], '#/target/successStatus/1'],
  [['099'], '#/target/successStatus/0'],
  [['2XX'], '#/target/successStatus/0'],
  [[200], '#/target/successStatus/0'],
])('successStatus %j is refused', (successStatus, pointer) => {
  expect(pointersOf({ url, successStatus })).toEqual([pointer]);
});

test('a body is refused where the method has none, and where the store could not hold it', () => {
  for (const method of ['GET', 'HEAD']) expect(pointersOf({ url, method, body: {} })).toEqual(['#/target/body']);
  for (const body of ['a\0', { 'a\0': 1 }, [{ a: '\ud800' }], nested(65)])
    expect(pointersOf({ url, body })).toEqual(['#/target/body']);
  expect(pointersOf({ url, body: nested(64) })).toEqual([]);
  expect(pointersOf({ url, body: nested(100_000) })).toEqual(['#/target/body']);
});

test('every fault is reported at once', () => {
  expect(pointersOf({ type: 'smtp', method: 'get', url: 'x', headers: { te: 'a' }, successStatus: [] })).toEqual([
    '#/target/type',
    '#/target/method',
    '#/target/url',
    '#/target/headers/te',
    '#/target/successStatus',
  ]);
});

test('whatever it is given, it answers and does not throw', () => {
  const member = fc.anything({ withNullPrototype: true, withBigInt: true });
  const shaped = fc.record(
    { type: member, method: member, url: member, headers: member, body: member, successStatus: member },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(member, shaped), (input) => {
      const target = readTarget(input);
      expect(target.ok || target.errors.every(({ pointer }) => pointer.startsWith('#/target'))).toBe(true);
    }),
  );
});

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}
