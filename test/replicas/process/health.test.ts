import { describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { createPostgres, noOwnPostgres } from '../../services/postgres.ts';
import { startReplica } from '../../services/process.ts';
import { noPostgres } from '../../services/provided.ts';
import { createProxy } from '../../services/proxy.ts';
import { closedPortUrl, startTarget } from '../../target.ts';
import { startReady, untilReady } from './ready.ts';

/** How long after its return the first fire may take: promised are 5 s, the rest is for slow machines. */
const returnMs = 12_000;

const task = (url: string) => ({ id: 'beat', schedule: '@every 200ms', overlap: 'allow', target: url });

/** Calls of the API while Postgres is away: each a 503 within 2 s. Answers with the longest. */
async function expectUnavailable(url: string): Promise<number> {
  let longest = 0;
  for (const [method, path] of [
    ['GET', '/tasks'],
    ['GET', '/tasks/beat'],
    ['POST', '/tasks'],
    ['DELETE', '/tasks/beat'],
    ['GET', '/runs'],
    ['GET', '/cluster'],
  ] as const) {
    const asked = performance.now();
    const response = await fetch(url + path, {
      method,
      ...(method === 'POST' && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ schedule: { manual: true }, target: 'http://127.0.0.1:9/' }),
      }),
    });
    longest = Math.max(longest, performance.now() - asked);
    expect([path, response.status]).toEqual([path, 503]);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ status: 503, code: 'unavailable' });
    expect(text).not.toMatch(/ECONN|127\.0\.0\.1|timeout exceeded/);
  }
  return longest;
}

describe.skipIf(noPostgres)('Postgres away at the start', () => {
  test('leaves a live process that is not ready, and that goes to work when it comes', {
    timeout: 60_000,
  }, async () => {
    const target = await startTarget();
    const proxy = await createProxy((await createDatabase()).url);
    await proxy.cut();
    const replica = await startReplica({ env: { DATABASE_URL: proxy.url } });
    expect((await fetch(`${replica.url}/livez`)).status).toBe(200);
    const ready = await fetch(`${replica.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ failing: { postgres: expect.any(String) } });
    expect(await expectUnavailable(replica.url)).toBeLessThan(2_000);
    // Some seconds and several tries later the log still has one line about it.
    const tries = performance.now();
    await poll(() => performance.now() - tries > 4_000, { what: 'several tries' });
    const lines = replica.logs().filter((line) => line.level === 'error' || /Postgres cannot/.test(`${line.msg}`));
    expect(lines).toHaveLength(1);

    await proxy.restore();
    await poll(async () => (await fetch(`${replica.url}/readyz`)).status === 200, {
      what: 'the replica to be ready',
      withinMs: returnMs,
    });
    const created = await fetch(`${replica.url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(task(target.url)),
    });
    expect(created.status).toBe(201);
    await target.waitFor((requests) => requests.length >= 3);
    expect(await replica.stop()).toBe(0);
    await target.close();
  });

  test('does not keep SIGTERM from ending it, refusing or silent', { timeout: 60_000 }, async () => {
    const proxy = await createProxy((await createDatabase()).url);
    await proxy.cut();
    const refused = await startReplica({ env: { DATABASE_URL: proxy.url } });
    expect(await refused.stop()).toBe(0);
    await proxy.restore();
    proxy.pause();
    const silent = await startReplica({ env: { DATABASE_URL: proxy.url } });
    expect(await silent.stop(20_000)).toBe(0);
  });
});

describe.skipIf(noPostgres)('Postgres away later', () => {
  test.each(['cut off', 'silent'] as const)(
    '(%s) is told to callers at once, ends nothing, and is made up for',
    { timeout: 90_000 },
    async (how) => {
      const target = await startTarget();
      const proxy = await createProxy((await createDatabase()).url);
      const replica = await startReady({ env: { DATABASE_URL: proxy.url, LEASE_TTL: '2s' } });
      await replica.http.post('/tasks').send(task(target.url)).expect(201);
      await target.waitFor((requests) => requests.length >= 3);
      if (how === 'silent') proxy.pause();
      else await proxy.cut();
      expect(await expectUnavailable(replica.url)).toBeLessThan(2_500);
      expect((await replica.http.get('/livez')).status).toBe(200);
      await poll(async () => (await replica.http.get('/readyz')).status === 503, {
        what: 'the replica not to be ready',
      });
      const stopped = target.requests.length;
      if (how === 'silent') proxy.resume();
      else await proxy.restore();
      await target.waitFor((requests) => requests.length > stopped, returnMs);
      await untilReady(replica.http);
      expect(await replica.stop()).toBe(0);
      await target.close();
    },
  );

  test.skipIf(noOwnPostgres)(
    '(crashed and started again) it fires again, each occurrence once',
    { timeout: 90_000 },
    async () => {
      const target = await startTarget();
      const server = await createPostgres();
      const replica = await startReady({ env: { DATABASE_URL: server.url } });
      await replica.http.post('/tasks').send(task(target.url)).expect(201);
      await target.waitFor((requests) => requests.length >= 3);
      await server.crash();
      expect(await expectUnavailable(replica.url)).toBeLessThan(2_500);
      const stopped = target.requests.length;
      await server.start();
      await target.waitFor((requests) => requests.length >= stopped + 5, returnMs);
      await replica.http.post('/tasks/beat/stop').expect(200);
      const attempts = target.requests.map(({ headers }) => `${headers['x-run-id']} ${headers['x-attempt']}`);
      expect(new Set(attempts).size).toBe(attempts.length);
      expect(await replica.stop()).toBe(0);
      await target.close();
    },
  );

  test('does not keep SIGTERM from ending it', { timeout: 60_000 }, async () => {
    const proxy = await createProxy((await createDatabase()).url);
    const replica = await startReady({ env: { DATABASE_URL: proxy.url, SHUTDOWN_GRACE: '1s' } });
    proxy.pause();
    expect(await replica.stop(30_000)).toBe(0);
  });
});

describe.skipIf(noPostgres)('Redis away at the start', () => {
  test('keeps nothing from firing', { timeout: 60_000 }, async () => {
    const target = await startTarget();
    const redis = `redis://${new URL(await closedPortUrl()).host}`;
    const replica = await startReady({ env: { DATABASE_URL: (await createDatabase()).url, REDIS_URL: redis } });
    await replica.http.post('/tasks').send(task(target.url)).expect(201);
    await target.waitFor((requests) => requests.length >= 5);
    expect(replica.logs().filter(({ msg }) => `${msg}`.startsWith('Redis cannot be reached')).length).toBeLessThan(3);
    expect(await replica.stop()).toBe(0);
    await target.close();
  });
});
