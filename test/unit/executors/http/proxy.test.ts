import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTargetFilter } from '../../../../src/executors/http/filter/target-filter.ts';
import { readProxy } from '../../../../src/executors/http/target/proxy.ts';
import { type ForwardProxy, startForwardProxy } from '../../../connect-proxy.ts';
import { closedPortUrl, startTarget, status, type Target } from '../../../target.ts';
import { attemptOn, call, resolvedTo, startExecutor } from './harness.ts';
import { selfSigned } from './self-signed.ts';

const host = 'billing.test';
const certificate = selfSigned(host);
/** Nobody here knows any name; the proxy does. */
const resolve = () =>
  Promise.reject(Object.assign(new Error('unknown'), { syscall: 'getaddrinfo', code: 'ENOTFOUND' }));

let proxy: ForwardProxy;
let target: Target;
let secure: Server;
let securePort: number;
beforeEach(async () => {
  [proxy, target] = await Promise.all([startForwardProxy(), startTarget()]);
  secure = createServer(certificate, (request, response) => response.end(`${request.method} ${request.url}`));
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  securePort = (secure.address() as AddressInfo).port;
});
afterEach(async () => {
  secure.close();
  secure.closeAllConnections();
  await Promise.all([proxy.close(), target.close()]);
});

test('http goes to the proxy with the whole URL, over connections that are used again', async () => {
  target.setBehaviour(status(200, 'done'));
  const { execute } = startExecutor({ resolve });
  const url = `http://${host}:${target.port}/report?full=1`;
  for (const attempt of [1, 2])
    expect(await execute(attemptOn({ url, proxy: proxy.url }, { attempt })).outcome).toMatchObject({
      status: 'succeeded',
      output: 'done',
    });
  expect(proxy.asked).toEqual(Array(2).fill({ method: 'POST', target: url, authorization: undefined }));
  expect(target.requests[0]).toMatchObject({ path: '/report?full=1', headers: { host: `${host}:${target.port}` } });
});

test('https goes through a tunnel, and the certificate is looked at', async () => {
  const { execute } = startExecutor({ resolve });
  const url = `https://${host}:${securePort}/report`;
  const outcome = (more: object) => execute(attemptOn({ url, proxy: proxy.url, ...more })).outcome;
  for (let round = 0; round < 2; round++)
    expect(await outcome({ tls: { ca: certificate.cert } })).toMatchObject({ output: 'POST /report' });
  expect(proxy.asked).toEqual([{ method: 'CONNECT', target: `${host}:${securePort}`, authorization: undefined }]);
  expect((await outcome({})).error?.message).toBe('could not connect securely: DEPTH_ZERO_SELF_SIGNED_CERT');
});

test('credentials go to the proxy alone, decoded, and connections are not shared with those of others', async () => {
  const withCredentials = proxy.url.replace('//', '//us%40er:p%3Ass%2Fw%C3%B6rd@');
  const authorization = `Basic ${Buffer.from('us@er:p:ss/wörd').toString('base64')}`;
  const { execute } = startExecutor({ resolve });
  for (const one of [withCredentials, withCredentials.replace('er', 'ers')]) {
    await execute(attemptOn({ url: `http://${host}:${target.port}/`, proxy: one })).outcome;
    await execute(attemptOn({ url: `https://${host}:${securePort}/`, proxy: one, tls: { insecure: true } })).outcome;
  }
  expect(proxy.asked.map(({ method }) => method)).toEqual(['POST', 'CONNECT', 'POST', 'CONNECT']);
  expect(proxy.asked.slice(0, 2).map((asked) => asked.authorization)).toEqual([authorization, authorization]);
  expect(proxy.asked[2]?.authorization).not.toBe(authorization);
  expect(target.requests[0]?.headers).not.toHaveProperty('proxy-authorization');
});

test.each([
  [407, 'rejected'],
  [403, 'rejected'],
  [502, 'unavailable'],
  [503, 'unavailable'],
])('a proxy that answers %i to CONNECT makes the attempt %s', async (code, kind) => {
  proxy.refuseWith(code);
  const outcome = await call({ url: `https://${host}:${securePort}/`, proxy: proxy.url }, {}, { resolve });
  expect(outcome).toMatchObject({ status: 'failed', detail: null, error: { kind } });
  expect(outcome.error?.message).toBe(`the proxy answered ${code}`);
});

test('a proxy that is not there is unavailable', async () => {
  const closed = await closedPortUrl();
  const outcome = await call({ url: `http://${host}/`, proxy: closed }, {}, { resolve });
  expect(outcome).toMatchObject({ status: 'failed', error: { kind: 'unavailable' } });
  expect(outcome.error?.message).toMatch(/^at the proxy: could not connect: ECONNREFUSED 127\.0\.0\.1:/);
});

test('a proxy that does not answer is given up at the deadline', async () => {
  const mute = await startTarget();
  mute.setBehaviour(() => {});
  const outcome = await call({ url: `http://${host}/`, proxy: mute.url }, { timeoutMs: 300 }, { resolve });
  expect(outcome).toMatchObject({ status: 'timed_out' });
  await mute.close();
});

test.each([
  ["the proxy's own address", '127.0.0.1', resolvedTo('10.1.1.1'), host],
  ['a literal address behind it', '10.0.0.5', resolve, '10.0.0.5'],
  ['a literal address in another notation', '10.0.0.5', resolve, '167772165'],
  ['a mapped address', '10.0.0.5', resolve, '[::ffff:10.0.0.5]'],
  ['a name that leads to one', '10.0.0.5', resolvedTo('10.0.0.5'), host],
  ['a name that is refused itself', host, resolve, host],
])('%s is refused', async (_name, deny, lookup, name) => {
  const filter = createTargetFilter({ deny: [deny], allow: [] });
  for (const url of [`http://${name}:${target.port}/`, `https://${name}:${securePort}/`]) {
    const outcome = await call({ url, proxy: proxy.url }, {}, { resolve: lookup, filter });
    expect(outcome).toMatchObject({ status: 'failed', error: { kind: 'rejected' } });
    expect(outcome.error?.message).toContain('is refused by the setting TARGET_DENY');
  }
  expect(proxy.asked).toEqual([]);
});

test('where settings allow some addresses alone, a name that only the proxy knows is refused unless it is among them', async () => {
  const url = `http://${host}:${target.port}/`;
  const allowing = (...allow: string[]) =>
    call({ url, proxy: proxy.url }, {}, { resolve, filter: createTargetFilter({ deny: [], allow }) });
  expect((await allowing('127.0.0.0/8')).error?.message).toContain('TARGET_ALLOW');
  expect(proxy.asked).toEqual([]);
  expect(await allowing('127.0.0.0/8', host)).toMatchObject({ status: 'succeeded' });
});

test('the proxy of the settings serves targets that name none', async () => {
  const url = `http://${host}:${target.port}/`;
  const { execute } = startExecutor({ resolve, proxyOf: () => readProxy(proxy.url) });
  expect(await execute(attemptOn({ url })).outcome).toMatchObject({ status: 'succeeded' });
  expect(proxy.asked).toHaveLength(1);
  const direct = await execute(attemptOn({ url: `${target.url}/direct`, proxy: 'none' })).outcome;
  expect(direct).toMatchObject({ status: 'succeeded' });
  expect(target.requests.at(-1)?.path).toBe('/direct');
  expect(proxy.asked).toHaveLength(1);
});
