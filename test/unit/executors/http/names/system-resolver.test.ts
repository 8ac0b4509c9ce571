import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../../../src/clock.ts';
import type { Resolver } from '../../../../../src/executors/http/names/resolver.ts';
import { createSystemResolver } from '../../../../../src/executors/http/names/system-resolver.ts';
import { poll } from '../../../../poll.ts';
import { startTarget, type Target } from '../../../../target.ts';
import { attemptOn, startExecutor } from '../harness.ts';
import { type DnsServer, startDns } from './dns-server.ts';

let dns: DnsServer;
let names: Resolver;
let target: Target;
beforeEach(async () => {
  dns = await startDns();
  names = createSystemResolver(systemClock, [dns.address]);
  target = await startTarget();
});
afterEach(async () => {
  names.close();
  await Promise.all([dns.close(), target.close()]);
});

/** With a dot at the end, so that this machine's search domains are not asked for. */
const resolve = (name: string) => names.resolve(`${name}.`);

test('a name server is asked for both families', async () => {
  dns.set('billing.test', { addresses: ['10.0.0.1', '10.0.0.2', 'fd00::1'], ttl: 7 });
  const { addresses, late } = await resolve('billing.test');
  // On a busy machine one family may come later than the other.
  expect([...addresses, ...((await late) ?? [])]).toEqual([
    { address: 'fd00::1', family: 6 },
    { address: '10.0.0.1', family: 4 },
    { address: '10.0.0.2', family: 4 },
  ]);
  expect(dns.questions.toSorted()).toEqual(['A billing.test', 'AAAA billing.test']);
});

test.each([
  ['NXDOMAIN', 'ENOTFOUND'],
  ['NODATA', 'ENOTFOUND'],
  ['SERVFAIL', 'ESERVFAIL'],
  ['REFUSED', 'EREFUSED'],
] as const)('an answer of %s is the failure %s', async (code, expected) => {
  dns.set('nobody.test', { code });
  const failure = await resolve('nobody.test').catch((error) => error);
  expect([failure.code, failure.syscall, failure.hostname]).toEqual([expected, 'getaddrinfo', 'nobody.test.']);
});

test.each(['a..b', `${'x'.repeat(64)}.test`, 'a b'])('%j is no name that anybody could know', async (name) => {
  expect((await resolve(name).catch((error) => error)).syscall).toBe('getaddrinfo');
  expect(dns.questions).toEqual([]);
});

test('a family that nobody answers for holds nothing up', async () => {
  dns.set('AAAA billing.test', 'silent');
  dns.set('A billing.test', { addresses: ['127.0.0.1'] });
  dns.set('A billing6.test', 'silent');
  dns.set('AAAA billing6.test', { addresses: ['fd00::1'] });
  expect((await resolve('billing.test')).addresses).toEqual([{ address: '127.0.0.1', family: 4 }]);
  expect((await resolve('billing6.test')).addresses).toEqual([{ address: 'fd00::1', family: 6 }]);
});

test('many names that nobody answers for keep nobody waiting, neither names nor what the threads of the process do', async () => {
  dns.set('billing.test', { addresses: ['127.0.0.1'] });
  const { execute } = startExecutor({ resolve: names.resolve });
  const dead = Array.from({ length: 64 }, (_, place) => {
    dns.set(`dead-${place}.test`, 'silent');
    return execute(attemptOn({ url: `http://dead-${place}.test.:${target.port}/` }));
  });
  while (!dns.questions.some((question) => question.endsWith('dead-63.test'))) await lookup('localhost');
  const healthy = await execute(attemptOn({ url: `http://billing.test.:${target.port}/` })).outcome;
  expect(healthy.status).toBe('succeeded');
  // Both would wait for a thread.
  await Promise.all([lookup('localhost'), readFile('/etc/hosts')]);
  const ended: unknown[] = [];
  for (const { outcome } of dead) void outcome.then((end) => ended.push(end));
  expect(ended).toEqual([]);
  for (const { cancel } of dead) cancel();
  for (const { outcome } of dead) expect((await outcome).status).toBe('cancelled');
});

test('a name that moves is followed', async () => {
  dns.set('billing.test', { addresses: ['127.0.0.2'], ttl: 1 });
  await resolve('billing.test');
  dns.set('billing.test', { addresses: ['127.0.0.1'], ttl: 1 });
  const followed = async () => (await resolve('billing.test')).addresses[0]?.address === '127.0.0.1';
  await poll(followed, { what: 'the new address' });
});
