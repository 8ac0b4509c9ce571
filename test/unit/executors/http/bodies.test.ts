import { afterEach, beforeEach, expect, test } from 'vitest';
import { readTarget } from '../../../../src/executors/http/target/target.ts';
import { startTarget, type Target } from '../../../target.ts';
import { call, runId } from './harness.ts';

let target: Target;
beforeEach(async () => {
  target = await startTarget();
});
afterEach(() => target.close());

const form = 'application/x-www-form-urlencoded';

/** Reads a target as the API does, calls it, and gives the content type and the bytes that arrived. */
async function sent(given: object) {
  const read = readTarget({ url: target.url, ...given });
  if (!read.ok) return read.errors.map(({ pointer }) => pointer);
  await call(read.value);
  const request = target.requests.at(-1);
  return [request?.headers['content-type'], request?.body];
}

test.each([
  [{ bodyType: 'json', body: { a: [1, 'ü'] } }, 'application/json', '{"a":[1,"ü"]}'],
  [{ bodyType: 'json', body: 'text' }, 'application/json', '"text"'],
  [
    { bodyType: 'json', body: 7, headers: { 'content-type': 'application/x-amz-json-1.1' } },
    'application/x-amz-json-1.1',
    '7',
  ],
  [{ bodyType: 'text', body: '{"a":1}' }, 'text/plain; charset=utf-8', '{"a":1}'],
  [{ bodyType: 'text', body: '<a/>', headers: { 'Content-Type': 'text/xml' } }, 'text/xml', '<a/>'],
  [
    { bodyType: 'text', body: '{"a":1}', headers: { 'content-type': 'application/json' } },
    'application/json',
    '{"a":1}',
  ],
  [
    { bodyType: 'form', body: { a: 'x y&z=ü', b: [1, true], c: null, d: '' } },
    form,
    'a=x+y%26z%3D%C3%BC&b=1&b=true&c=&d=',
  ],
  [{ bodyType: 'form', body: {} }, form, ''],
  [{ bodyType: 'base64', body: 'aGVsbG8=' }, 'application/octet-stream', 'hello'],
  [{ bodyType: 'base64', body: '' }, 'application/octet-stream', ''],
  [{ bodyType: 'base64', body: 'aGVsbG8=', headers: { 'content-type': 'image/png' } }, 'image/png', 'hello'],
  [{ body: { a: 'x y' }, headers: { 'content-type': form } }, form, 'a=x+y'],
  [{ body: { a: 1 }, headers: { 'content-type': `${form}; charset=utf-8` } }, `${form}; charset=utf-8`, 'a=1'],
  [{ body: 'a=1&b', headers: { 'content-type': form } }, form, 'a=1&b'],
  [{ body: { a: 1 }, headers: { 'content-type': 'application/vnd.api+json' } }, 'application/vnd.api+json', '{"a":1}'],
  [{ body: 'text', headers: { 'content-type': 'text/plain' } }, 'text/plain', 'text'],
  [{ body: 42, headers: { 'content-type': 'text/plain' } }, 'text/plain', '42'],
  [{ body: 'text' }, 'application/json', '"text"'],
])('%j is sent as %s: %s', async (given, contentType, body) => {
  expect(await sent(given)).toEqual([contentType, body]);
});

test.each([
  [form, '"a=1&b"', 'a=1&b'],
  [form, '{"a":"x y","n":12345678901234567890}', 'a=x+y&n=12345678901234567890'],
  ['text/plain', '"a text"', 'a text'],
  ['application/vnd.api+json', '"a text"', '"a text"'],
])('without a body, under %s an input %s of the trigger is sent as %s', async (contentType, input, body) => {
  await call({ url: target.url, headers: { 'content-type': contentType } }, { input });
  expect(target.requests.at(-1)).toMatchObject({ headers: { 'content-type': contentType }, body });
});

test('without a body, an object or the description of the run goes as JSON, whatever other type the task names', async () => {
  const headers = { 'x-a': 'content-type', 'content-type': 'text/plain' };
  await call({ url: target.url, headers }, { input: '{"a":1}' });
  expect(target.requests.at(-1)).toMatchObject({
    headers: { 'x-a': 'content-type', 'content-type': 'application/json' },
    body: '{"a":1}',
  });
  await call({ url: target.url, headers });
  expect(target.requests.at(-1)?.headers['content-type']).toBe('application/json');
  expect(JSON.parse(target.requests.at(-1)?.body ?? '')).toMatchObject({ taskId: 'nightly-report' });
});

test('without a body, the description of the run is a form under the content type of a form', async () => {
  await call({ url: target.url, headers: { 'content-type': form } });
  expect(Object.fromEntries(new URLSearchParams(target.requests.at(-1)?.body))).toEqual({
    taskId: 'nightly-report',
    runId,
    attempt: '1',
    scheduledFor: '2026-12-01T01:00:00.000Z',
    trigger: 'schedule',
  });
});

test.each([
  [{ bodyType: 'xml', body: 'x' }, '/bodyType'],
  [{ bodyType: 'text', body: { a: 1 } }, '/body'],
  [{ bodyType: 'text' }, '/body'],
  [{ bodyType: 'form' }, '/body'],
  [{ bodyType: 'form', body: 'a=1' }, '/body'],
  [{ bodyType: 'form', body: [1] }, '/body'],
  [{ bodyType: 'form', body: { a: { b: 1 } } }, '/body/a'],
  [{ bodyType: 'form', body: { 'a/b': [[1]] } }, '/body/a~1b'],
  [{ bodyType: 'base64', body: 7 }, '/body'],
  [{ bodyType: 'base64', body: 'aGVsbG8' }, '/body'],
  [{ bodyType: 'base64', body: 'aGVsbG9=' }, '/body'],
  [{ bodyType: 'base64', body: 'aGVs bG8=' }, '/body'],
  [{ bodyType: 'base64', body: 'aGVsbG8=\n' }, '/body'],
  [{ bodyType: 'base64', body: '_-8=' }, '/body'],
  [{ bodyType: 'json', body: 1, headers: { 'content-type': 'text/plain' } }, '/headers/content-type'],
  [{ bodyType: 'form', body: {}, headers: { 'content-type': 'application/json' } }, '/headers/content-type'],
  [{ bodyType: 'form', body: {}, headers: { 'content-type': 'multipart/form-data' } }, '/headers/content-type'],
  [
    { bodyType: 'text', body: 'x', headers: { 'content-type': 'text/plain; charset=iso-8859-1' } },
    '/headers/content-type',
  ],
  [{ body: { a: 1 }, headers: { 'content-type': 'text/plain' } }, '/body'],
  [{ body: [1], headers: { 'content-type': form } }, '/body'],
  [{ body: { a: {} }, headers: { 'content-type': form } }, '/body/a'],
  [{ bodyType: 'text', body: 'x', method: 'GET' }, '/body'],
])('%j is refused at %s', async (given, pointer) => {
  expect(await sent(given)).toEqual([`#/target${pointer}`]);
});
