import { expect, test } from 'vitest';
import { poll } from '../../../../poll.ts';
import { attemptOn, resolvedTo, startExecutor } from '../harness.ts';
import { plainAnswer, startRaw } from '../raw-server.ts';

const closing = 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

test('connections are spread over the addresses of a host', async () => {
  const one = await startRaw((socket) => socket.end(closing), '127.0.0.1');
  const other = await startRaw((socket) => socket.end(closing), '127.0.0.2', one.port);
  const { execute } = startExecutor({ resolve: resolvedTo('127.0.0.1', '127.0.0.2') });
  for (let calls = 0; calls < 6; calls++)
    expect((await execute(attemptOn({ url: `http://billing.test:${one.port}/` })).outcome).status).toBe('succeeded');
  expect([one.requests.length, other.requests.length]).toEqual([3, 3]);
});

test('an address that refuses costs nothing where another one answers, in either family', async () => {
  const server = await startRaw((socket) => socket.write(plainAnswer), '127.0.0.1');
  for (const addresses of [
    ['127.0.0.2', '127.0.0.1'],
    ['::1', '127.0.0.1'],
    ['127.0.0.1', '::1'],
  ]) {
    const { execute } = startExecutor({ resolve: resolvedTo(...addresses) });
    expect((await execute(attemptOn({ url: `http://billing.test:${server.port}/` })).outcome).status).toBe('succeeded');
  }
});

test('a target that does not finish the TLS handshake is left when the call is over', async () => {
  const server = await startRaw(() => {});
  const attempt = startExecutor().execute(attemptOn({ url: server.url.replace('http:', 'https:') }));
  await poll(async () => server.sockets.size === 1, { what: 'a connection' });
  attempt.cancel();
  expect((await attempt.outcome).status).toBe('cancelled');
  await poll(async () => server.sockets.size === 0, { what: 'the connection to be closed' });
});

test('the family that led somewhere is tried first from then on', async ({ skip }) => {
  const four = await startRaw((socket) => socket.end(closing), '127.0.0.1');
  const { execute } = startExecutor({ resolve: resolvedTo('::1', '127.0.0.1') });
  const attempt = attemptOn({ url: `http://billing.test:${four.port}/` });
  expect((await execute(attempt).outcome).status).toBe('succeeded');
  const six = await startRaw((socket) => socket.end(closing), '::1', four.port).catch(() => null);
  if (six === null) return skip('this machine has no ::1');
  expect((await execute(attempt).outcome).status).toBe('succeeded');
  expect([four.connections(), six.connections()]).toEqual([2, 0]);
});
