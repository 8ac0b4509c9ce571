import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Outcome } from '../../../../src/executors/executor.ts';
import {
  type Behaviour,
  drip,
  endlessBody,
  endlessHeaders,
  gzipBomb,
  raw,
  resetMidBody,
  slowHeaders,
  startTarget,
  status,
  type Target,
} from '../../../target.ts';
import { attemptOn, call, startExecutor } from './harness.ts';

const mebibyte = 1024 * 1024;

let target: Target;
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeEach(async () => {
  target = await startTarget();
  unhandled.length = 0;
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
});
afterEach(async () => {
  await target.close();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  expect(unhandled).toEqual([]);
});

/** Calls a target that behaves so, and waits until its connection is closed. */
async function callHostile(behaviour: Behaviour, timeoutMs = 20_000): Promise<{ outcome: Outcome; sent: number }> {
  target.setBehaviour(behaviour);
  const outcome = await call({ url: target.url }, { timeoutMs });
  return { outcome, sent: (await target.requests[0]?.closed) ?? 0 };
}

test.each([
  ['drips its body', drip(10), 200, 'the answer was not complete within 1s'],
  ['drips its headers', slowHeaders(10), null, 'no answer within 1s'],
])('a target that %s is timed out as a whole', async (_name, behaviour, httpStatus, message) => {
  const from = performance.now();
  const { outcome } = await callHostile(behaviour, 1000);
  expect(performance.now() - from).toBeGreaterThanOrEqual(1000);
  expect(outcome).toMatchObject({
    status: 'timed_out',
    detail: httpStatus === null ? null : { httpStatus },
    error: { kind: 'timeout', message },
  });
});

test('of an endless body 16 KiB are kept, about 8 MiB are read and the connection is cut', async () => {
  const { outcome, sent } = await callHostile(endlessBody());
  expect(outcome).toMatchObject({ status: 'succeeded', detail: { httpStatus: 200 }, truncated: true, error: null });
  expect(outcome.output).toBe('a'.repeat(16 * 1024));
  // What lay in the buffers of both sides when the connection was cut comes on top.
  expect(sent).toBeGreaterThan(8 * mebibyte);
  expect(sent).toBeLessThan(32 * mebibyte);
});

test('endless headers are refused', async () => {
  const { outcome, sent } = await callHostile(endlessHeaders());
  expect(outcome).toMatchObject({ status: 'failed', detail: null, error: { kind: 'rejected' } });
  expect(sent).toBeLessThan(32 * mebibyte);
});

test('an answer broken off is unavailable, with what had come', async () => {
  const { outcome } = await callHostile(resetMidBody());
  expect(outcome).toMatchObject({
    status: 'failed',
    detail: { httpStatus: 200 },
    output: 'only this much',
    error: { kind: 'unavailable' },
  });
});

test.each([
  ['garbage', 'hello there\r\n\r\n', 'rejected'],
  ['a lying length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort', 'unavailable'],
  ['an unfinished chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nshort', 'unavailable'],
  [
    'an unfinished chunk before a close',
    'HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nff\r\nshort',
    'unavailable',
  ],
  ['a length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n', 'unavailable'],
  [
    'an upgrade nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    'unavailable',
  ],
])('%s is a failed attempt', async (_name, bytes, kind) => {
  const { outcome } = await callHostile(raw(bytes));
  expect(outcome).toMatchObject({ status: 'failed', error: { kind } });
});

test('bytes after the answer do not become the answer of the next call', async () => {
  const answer = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  target.setBehaviour(
    '/first',
    (_response, _request, socket) => void socket.write(answer('right') + answer('smuggled')),
  );
  target.setBehaviour('/second', status(200, 'second'));
  const { execute } = startExecutor({ maxConnectionsPerOrigin: 1 });
  const outcomes = await Promise.all(
    ['/first', '/second'].map((path) => execute(attemptOn({ url: target.url + path })).outcome),
  );
  expect(outcomes[0]).toMatchObject({ output: 'right' });
  expect(outcomes[1]?.output).not.toBe('smuggled');
});

test('a compressed bomb makes no more than what is kept', async () => {
  const bomb = gzipSync(Buffer.alloc(32 * mebibyte, 'a'));
  target.setBehaviour(gzipBomb(bomb));
  const outcome = await call({ url: target.url });
  expect(outcome).toMatchObject({ status: 'succeeded', truncated: true, output: 'a'.repeat(16 * 1024) });
  expect(target.requests[0]?.headers['accept-encoding']).toBe('identity');
});

test('memory stays flat however much targets send', async () => {
  target.setBehaviour(endlessBody());
  const { execute } = startExecutor();
  const round = () => Promise.all(Array.from({ length: 10 }, () => execute(attemptOn({ url: target.url })).outcome));
  await round();
  const before = process.memoryUsage();
  for (let count = 0; count < 2; count++) for (const { truncated } of await round()) expect(truncated).toBe(true);
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  expect(grown).toBeLessThan(150 * mebibyte);
});

test('an attempt aborted amid the answer closes the connection', async () => {
  target.setBehaviour(drip(5));
  const { outcome, cancel } = startExecutor().execute(attemptOn({ url: target.url }));
  const [request] = await target.waitFor((requests) => requests.length === 1);
  cancel();
  expect(await outcome).toMatchObject({ status: 'cancelled' });
  await request?.closed;
});
