import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Behaviour, raw, startTarget, status, type Target } from '../../../../target.ts';
import { attemptOn, call, startExecutor } from '../../../../unit/executors/http/harness.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

let target: Target;
beforeEach(async () => {
  target = await startTarget();
});
afterEach(() => target.close());

const answer =
  (body: Buffer | string, headers: Record<string, string> = {}, code = 200): Behaviour =>
  (response) =>
    void response.writeHead(code, headers).end(body);

async function outcomeOf(behaviour: Behaviour, more: object = {}, attempt: object = {}) {
  target.setBehaviour(behaviour);
  const judgeScript = new URL('../../../../../dist/executors/http/answer/judge-worker.js', import.meta.url);
  return call({ url: target.url, ...more }, attempt, { judgeScript });
}

const text = 'grüße 🕰 '.repeat(50);
const plain = Buffer.from(text);

test.each([
  ['gzip', gzipSync(plain)],
  ['x-gzip', gzipSync(plain)],
  ['GZIP', gzipSync(plain)],
  ['deflate', deflateSync(plain)],
  ['deflate', deflateRawSync(plain)],
  ['br', brotliCompressSync(plain)],
  ['gzip, br', brotliCompressSync(gzipSync(plain))],
  ['identity', plain],
  ['identity, gzip', gzipSync(plain)],
  ['unheard-of', plain],
])('an answer in %s is read', async (encoding, body) => {
  const outcome = await outcomeOf(answer(body, { 'content-encoding': encoding }));
  expect(outcome).toMatchObject({ status: 'succeeded', output: text, truncated: false });
});

test('the connection of an encoded answer is used again', async () => {
  target.setBehaviour(answer(gzipSync(plain), { 'content-encoding': 'gzip' }));
  const { execute } = startExecutor();
  for (let round = 0; round < 3; round++) await execute(attemptOn({ url: target.url })).outcome;
  expect(target.connections()).toBe(1);
});

test('a failure is decoded too, and an empty answer is none the worse for an encoding', async () => {
  const headers = { 'content-encoding': 'gzip' };
  expect(await outcomeOf(answer(gzipSync('no'), headers, 500))).toMatchObject({
    detail: { httpStatus: 500 },
    output: 'no',
  });
  expect(await outcomeOf(answer('', headers))).toMatchObject({ status: 'succeeded', output: '', truncated: false });
  expect(await outcomeOf(answer('', headers), { method: 'HEAD' })).toMatchObject({ status: 'succeeded', output: '' });
});

test('what is damaged or cut off is shown up to there', async () => {
  const whole = gzipSync(Buffer.from(Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join('')));
  const cut = await outcomeOf(answer(whole.subarray(0, whole.length / 2), { 'content-encoding': 'gzip' }));
  expect(cut).toMatchObject({ status: 'succeeded', truncated: true });
  expect(cut.output).toMatch(/^line 0\nline 1\n/);
  const garbage = await outcomeOf(answer('no gzip at all', { 'content-encoding': 'gzip' }));
  expect(garbage).toMatchObject({ status: 'succeeded', truncated: true, output: '' });
});

test('nested bombs make no more than what is judged', async () => {
  const bomb = gzipSync(gzipSync(Buffer.alloc(64 * mebibyte, 'a')));
  const outcome = await outcomeOf(answer(bomb, { 'content-encoding': 'gzip, gzip' }), {
    success: { bodyContains: 'aaa' },
  });
  expect(outcome).toMatchObject({ status: 'succeeded', truncated: true, output: 'a'.repeat(16 * kibibyte) });
});

const latin = Buffer.from('Grüße', 'latin1');
test.each([
  ['text/plain; charset=ISO-8859-1', latin, 'Grüße'],
  ['text/plain;charset="iso-8859-1"', latin, 'Grüße'],
  ['text/plain; format=flowed; Charset=latin1', latin, 'Grüße'],
  ['text/plain; charset=windows-1252', Buffer.from([0x80, 0x9f, 0x81, 0xe9]), '€Ÿ\x81é'],
  ['text/plain; charset=iso-8859-1', Buffer.from([0x93, 0x61, 0x94]), '“a”'],
  ['text/plain; charset=iso-8859-15', Buffer.from([0xa4]), '€'],
  ['application/json; charset=utf-16le', Buffer.from('Grüße', 'utf16le'), 'Grüße'],
  ['text/plain', Buffer.from('\uFEFFGrüße', 'utf16le'), 'Grüße'],
  ['text/plain', Buffer.from('\uFEFFGrüße', 'utf16le').swap16(), 'Grüße'],
  ['text/plain; charset=shift_jis', Buffer.from([0x83, 0x65, 0x83, 0x58]), 'テス'],
  ['text/plain; charset=klingon', Buffer.from('Grüße'), 'Grüße'],
  ['text/plain; charset=', Buffer.from('Grüße'), 'Grüße'],
  ['text/plain; charset=UTF8', Buffer.from('Grüße'), 'Grüße'],
  ['text/plain', latin, 'Gr\uFFFD\uFFFDe'],
])('%s: %j is %s', async (contentType, body, output) => {
  const outcome = await outcomeOf(answer(body, { 'content-type': contentType }));
  expect(outcome).toMatchObject({ status: 'succeeded', output, truncated: false });
});

test('a charset and an encoding go together, and no character is cut in two', async () => {
  const long = Buffer.from('ü€'.repeat(20_000), 'utf16le');
  const headers = { 'content-type': 'text/plain; charset=utf-16le', 'content-encoding': 'gzip' };
  const outcome = await outcomeOf(answer(gzipSync(long), headers));
  expect(outcome).toMatchObject({ truncated: true, output: 'ü€'.repeat((16 * kibibyte) / 4) });
});

test('an answer of 5 MB is read to its end, and its connection is used again', async () => {
  target.setBehaviour(answer(Buffer.alloc(5_000_000, 'a')));
  const { execute } = startExecutor();
  for (let round = 0; round < 2; round++)
    expect(await execute(attemptOn({ url: target.url })).outcome).toMatchObject({
      status: 'succeeded',
      truncated: true,
      output: 'a'.repeat(16 * kibibyte),
    });
  expect(target.connections()).toBe(1);
});

test('an answer of 5 MB that breaks off is no success', async () => {
  const outcome = await outcomeOf((response, _request, socket) => {
    response.writeHead(200, { 'content-length': 5_000_000 }).write(Buffer.alloc(3_000_000), () => socket.destroy());
  });
  expect(outcome).toMatchObject({ status: 'failed', detail: { httpStatus: 200 }, error: { kind: 'unavailable' } });
});

test.each([17, 40, 100])('headers of %i KiB are a truncated success', async (size) => {
  const lines = Array.from({ length: size }, (_, line) => `x-${line}: ${'b'.repeat(1014)}\r\n`).join('');
  const outcome = await outcomeOf(raw(`HTTP/1.1 200 OK\r\n${lines}content-length: 2\r\n\r\nok`));
  expect(outcome).toMatchObject({ status: 'succeeded', detail: { httpStatus: 200 }, output: 'ok', truncated: true });
});

const ok = { json: { pointer: '/success', equals: true } };
test.each([
  [{ bodyContains: 'OK' }, 'all OK here', null],
  [{ bodyContains: 'OK' }, 'ok', 'does not contain what success.bodyContains asks for'],
  [{ bodyMatches: '(?i)\\bok\\b' }, 'all Ok here', null],
  [{ bodyMatches: '^ok$' }, 'not ok', 'does not match the pattern of success.bodyMatches'],
  [ok, '{"success":true}', null],
  [ok, '\uFEFF{"success":true}', null],
  [ok, '{"success":false}', 'is false at /success, where success.json asks for true'],
  [ok, '{"success":"true"}', 'is "true" at /success, where success.json asks for true'],
  [ok, '{}', 'has nothing at /success, where success.json asks for true'],
  [ok, 'null', 'has nothing at /success, where success.json asks for true'],
  [ok, '<html>', 'is not the JSON that success.json asks for'],
  [ok, '', 'is not the JSON that success.json asks for'],
  [{ json: { pointer: '', equals: { b: [1, null], a: 'x' } } }, '{"a":"x","b":[1.0,null]}', null],
  [
    { json: { pointer: '', equals: [] } },
    '{}',
    'is another object as a whole, where success.json asks for another array',
  ],
  [{ json: { pointer: '/a~1b/m~0n/1', equals: 0 } }, '{"a/b":{"m~n":[5,-0]}}', null],
  [{ json: { pointer: '/a/01', equals: 1 } }, '{"a":[1,1]}', 'has nothing at /a/01, where success.json asks for 1'],
  [
    { json: { pointer: '/a/length', equals: 2 } },
    '{"a":[1,1]}',
    'has nothing at /a/length, where success.json asks for 2',
  ],
  [
    { json: { pointer: '/toString', equals: null } },
    '{}',
    'has nothing at /toString, where success.json asks for null',
  ],
  [{ json: { pointer: '/a', equals: null } }, '{"a":null}', null],
  [{ json: { pointer: '/__proto__/x', equals: 1 } }, '{"__proto__":{"x":1}}', null],
])('%j judges %s', async (success, body, detail) => {
  const outcome = await outcomeOf(answer(body), { success });
  if (detail === null) expect(outcome).toMatchObject({ status: 'succeeded', output: body, error: null });
  else
    expect(outcome).toMatchObject({
      status: 'failed',
      detail: { httpStatus: 200 },
      output: body,
      error: { kind: 'rejected', message: `the target answered 200, but its body ${detail}` },
    });
});

test('a rule is not asked where the status is a failure, and successStatus stays beside it', async () => {
  expect((await outcomeOf(answer('{"success":true}', {}, 500), { success: ok })).error?.message).toBe(
    'the target answered 500',
  );
  const successStatus = ['500'];
  expect(await outcomeOf(answer('{"success":true}', {}, 500), { success: ok, successStatus })).toMatchObject({
    status: 'succeeded',
  });
});

test('a 202 of a target that works on is not judged by its body', async () => {
  const accepted = await outcomeOf(status(202, 'later'), { success: ok }, { holdMs: 60_000 });
  expect(accepted).toMatchObject({ status: 'held' });
  expect(await outcomeOf(status(202, 'later'), { success: ok })).toMatchObject({ status: 'failed' });
});

test('what is judged is the decoded text, and all of the first MiB of it', async () => {
  const body = `${'a'.repeat(mebibyte - 3)}end`;
  const headers = { 'content-encoding': 'gzip', 'content-type': 'text/plain; charset=iso-8859-1' };
  expect(await outcomeOf(answer(gzipSync(body), headers), { success: { bodyContains: 'end' } })).toMatchObject({
    status: 'succeeded',
    output: 'a'.repeat(16 * kibibyte),
  });
  expect(await outcomeOf(answer(body), { success: { bodyMatches: 'end$' } })).toMatchObject({ status: 'succeeded' });
  expect(await outcomeOf(answer(`a${body}`), { success: { bodyContains: 'end' } })).toMatchObject({ status: 'failed' });
  const json = JSON.stringify({ filler: 'a'.repeat(mebibyte), success: true });
  expect((await outcomeOf(answer(json), { success: ok })).error?.message).toContain('longer than the 1 MiB');
  const large = JSON.stringify({ filler: 'a'.repeat(500_000), success: true });
  expect(await outcomeOf(answer(large), { success: ok })).toMatchObject({ status: 'succeeded' });
});

test('a pattern made to take long ends the attempt and not the event loop', async () => {
  const random = Array.from({ length: mebibyte }, (_, place) => 'ab'[(place * place * 7919 + (place >> 3)) & 1]).join(
    '',
  );
  let longest = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 5);
  const outcome = await outcomeOf(answer(random), { success: { bodyMatches: '((a.{1,15}){1,15})[^abc]' } });
  clearInterval(watch);
  expect(outcome).toMatchObject({ status: 'failed', error: { kind: 'rejected' } });
  expect(outcome.error?.message).toMatch(/could not be judged within 2s|does not match the pattern/);
  // The match itself takes seconds.
  expect(longest).toBeLessThan(1_500);
});

test('an attempt that is over is not judged', async () => {
  const outcome = await outcomeOf(
    answer('ab'.repeat(mebibyte / 2)),
    { success: { bodyMatches: '((a.{1,15}){1,15})[^abc]' } },
    { timeoutMs: 700 },
  );
  expect(outcome.status).not.toBe('succeeded');
});
