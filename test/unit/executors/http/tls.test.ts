import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startTarget } from '../../../target.ts';
import { attemptOn, call, resolvedTo, startExecutor } from './harness.ts';
import { selfSigned } from './self-signed.ts';

const host = 'billing.test';
const resolve = resolvedTo('127.0.0.1');

let server: Server;
let url: string;
const seen: { servername: string; reused: boolean; alpn: unknown }[] = [];

beforeEach(async () => {
  seen.length = 0;
  server = createServer({ ...selfSigned(host), ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
    const { servername } = socket as TLSSocket & { servername: string };
    seen.push({ servername, reused: socket.isSessionReused(), alpn: socket.alpnProtocol });
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://${host}:${(server.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.close();
  await once(server, 'close');
});

test('a certificate that nobody vouches for is not accepted', async () => {
  const outcome = await call({ url }, {}, { resolve });
  expect(outcome).toMatchObject({
    status: 'failed',
    detail: null,
    error: { kind: 'unavailable', message: 'could not connect securely: DEPTH_ZERO_SELF_SIGNED_CERT' },
  });
});

test('a target that speaks no TLS is unavailable', async () => {
  const plain = await startTarget();
  const outcome = await call({ url: `https://127.0.0.1:${plain.port}/` });
  expect(outcome).toMatchObject({ status: 'failed', error: { kind: 'unavailable' } });
  expect(outcome.error?.message).toMatch(/^could not connect securely: /);
  await plain.close();
});

test('a TLS target is asked for by name, with HTTP/1.1, and later connections resume the session', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  const { execute } = startExecutor({ resolve });
  for (const attempt of [1, 2]) {
    const outcome = await execute(attemptOn({ url }, { attempt })).outcome;
    expect(outcome).toMatchObject({ status: 'succeeded', output: 'ok' });
  }
  expect(seen).toEqual([
    { servername: host, reused: false, alpn: 'http/1.1' },
    { servername: host, reused: true, alpn: 'http/1.1' },
  ]);
});

test('a dot at the end of a name is not part of the server name', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  const outcome = await call({ url: url.replace(host, `${host}.`) }, {}, { resolve });
  expect([outcome.status, seen.map(({ servername }) => servername)]).toEqual(['succeeded', [host]]);
});

test('a reused TLS connection that ends instead of an answer costs nothing either', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  server.removeAllListeners('secureConnection');
  let calls = 0;
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {});
    socket.on('data', () => {
      if (++calls === 2) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  const { execute, close } = startExecutor({ resolve });
  for (const attempt of [1, 2]) {
    const outcome = await execute(attemptOn({ url }, { attempt })).outcome;
    expect([attempt, outcome.status, outcome.error]).toEqual([attempt, 'succeeded', null]);
  }
  expect(calls).toBe(3);
  close();
});
