import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTarget } from '../../../target.ts';
import { attemptOn, resolvedTo, startExecutor } from './harness.ts';
import { selfSigned } from './self-signed.ts';

const host = 'billing.test';
const own = selfSigned(host);
const client = selfSigned('client.test');
const stranger = selfSigned('stranger.test');
const resolve = resolvedTo('127.0.0.1');

let server: Server;
let url: string;
/** Who called, by the name in the certificate, over which connection. */
const seen: { path: string; caller: string; socket: TLSSocket; servername: unknown; hostHeader: string | undefined }[] =
  [];
/** Where the server sends who asks for a path. */
const elsewhere = new Map<string, string>();

beforeEach(async () => {
  seen.length = 0;
  elsewhere.clear();
  server = createServer(
    { ...own, requestCert: true, rejectUnauthorized: false, ca: client.cert },
    (request, response) => {
      const socket = request.socket as TLSSocket & { servername: unknown };
      const caller = socket.authorized ? String(socket.getPeerCertificate().subject?.CN) : 'nobody';
      const path = request.url ?? '';
      seen.push({ path, caller, socket, servername: socket.servername, hostHeader: request.headers.host });
      const location = elsewhere.get(path);
      if (location !== undefined) response.writeHead(307, { location });
      response.end();
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://${host}:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

test('connections are shared by the same tls alone: no certificate, and no trust, serves another task', async () => {
  const { execute } = startExecutor({ resolve });
  const outcomeOf = async (tls: object | null) =>
    (await execute(attemptOn({ url, ...(tls === null ? {} : { tls }) })).outcome).status;
  const ca = own.cert;
  expect(await outcomeOf({ insecure: true })).toBe('succeeded');
  expect(await outcomeOf(null)).toBe('failed');
  expect(await outcomeOf({ ca })).toBe('succeeded');
  expect(await outcomeOf({ ca, cert: client.cert, key: client.key })).toBe('succeeded');
  expect(await outcomeOf({ ca })).toBe('succeeded');
  expect(await outcomeOf({ ca, cert: client.cert, key: client.key })).toBe('succeeded');
  expect(await outcomeOf({ ca, cert: stranger.cert, key: stranger.key })).toBe('succeeded');
  expect(await outcomeOf({ ca: stranger.cert })).toBe('failed');
  expect(await outcomeOf(null)).toBe('failed');
  expect(seen.map(({ caller }) => caller)).toEqual([
    'nobody',
    'nobody',
    'client.test',
    'nobody',
    'client.test',
    'nobody',
  ]);
  // The two that repeat go over the connections they had.
  expect(new Set(seen.map(({ socket }) => socket)).size).toBe(4);
});

test('at another origin the trust goes along and the certificate of the client does not', async () => {
  const { execute } = startExecutor({ resolve });
  const port = new URL(url).port;
  elsewhere.set('/from', `https://other.test:${port}/foreign`);
  elsewhere.set('/same', '/to');
  const cert = { cert: client.cert, key: client.key };
  const follow = (path: string, tls: object) =>
    execute(attemptOn({ url: url + path, redirect: 'follow', tls })).outcome;
  expect(await follow('/same', { ca: own.cert, ...cert })).toMatchObject({ status: 'succeeded' });
  expect(await follow('/from', { insecure: true, ...cert })).toMatchObject({ status: 'succeeded' });
  // Trusted, but not the one of this host.
  expect((await follow('/from', { ca: own.cert, ...cert })).error?.message).toBe(
    `after a redirect to https://other.test:${port}: could not connect securely: ERR_TLS_CERT_ALTNAME_INVALID`,
  );
  expect(seen.map(({ path, caller }) => `${path} ${caller}`)).toEqual([
    ...['/same client.test', '/to client.test', '/from client.test', '/foreign nobody', '/from client.test'],
  ]);
});

test('https never goes to http', async () => {
  const plain = await startTarget();
  elsewhere.set('/from', plain.url);
  const { execute } = startExecutor({ resolve });
  const outcome = await execute(attemptOn({ url: `${url}/from`, redirect: 'follow', tls: { insecure: true } })).outcome;
  expect(outcome).toMatchObject({ status: 'failed', detail: { httpStatus: 307 }, error: { kind: 'rejected' } });
  expect(outcome.error?.message).toContain('from https to http');
  expect(plain.requests).toEqual([]);
  await plain.close();
});

test('a host of its own names a virtual server, while TLS keeps to the one of the URL', async () => {
  const { execute } = startExecutor({ resolve });
  for (const name of ['virtual.test', 'another.test:8080', undefined]) {
    const headers: Record<string, string> = name === undefined ? {} : { host: name };
    const outcome = await execute(attemptOn({ url, headers, tls: { ca: own.cert } })).outcome;
    expect(outcome).toMatchObject({ status: 'succeeded' });
  }
  expect(seen.map(({ hostHeader }) => hostHeader)).toEqual(['virtual.test', 'another.test:8080', new URL(url).host]);
  expect(seen.map(({ servername }) => servername)).toEqual([host, host, host]);
  expect(new Set(seen.map(({ socket }) => socket)).size).toBe(1);
});
