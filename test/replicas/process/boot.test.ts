import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { poll } from '../../poll.ts';
import { createDatabase } from '../../services/database.ts';
import { createPostgres, noOwnPostgres } from '../../services/postgres.ts';
import { startReplica } from '../../services/process.ts';
import { noPostgres } from '../../services/provided.ts';
import { createProxy } from '../../services/proxy.ts';
import { type Body, startReady, untilReady } from './ready.ts';

/** The lock that migrations are applied under. */
const migrationLock = 1_215_472_310;

/** Asks from the first moment on until the replica is ready; answers with the statuses that came. */
async function askFromTheStart(env: Record<string, string>): Promise<number[]> {
  const replica = await startReplica({ env });
  const statuses = new Set<number>();
  let ready = false;
  const ask = async (name: number) => {
    for (let place = 0; !ready; place++) {
      const response = await fetch(`${replica.url}/tasks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: `${name}-${place}`, schedule: { manual: true }, target: 'http://127.0.0.1:9/' }),
      });
      statuses.add(response.status);
      const { items }: Body = (await (await fetch(`${replica.url}/tasks/${name}-${place}/runs`)).json()) as Body;
      if (response.status === 201) expect(items).toEqual([]);
    }
  };
  const asking = Array.from({ length: 4 }, (_, name) => ask(name));
  await poll(async () => (await fetch(`${replica.url}/readyz`)).ok, { what: 'it to be ready', withinMs: 30_000 });
  ready = true;
  await Promise.all(asking);
  await replica.stop();
  return [...statuses].sort();
}

describe('until the schema is there, requests are put off and none fails', () => {
  test('in the embedded store', { timeout: 60_000 }, async () => {
    for (const status of await askFromTheStart({})) expect([201, 503]).toContain(status);
  });

  test.skipIf(noOwnPostgres)('in an empty Postgres', { timeout: 60_000 }, async () => {
    const { url } = await createPostgres();
    for (const status of await askFromTheStart({ DATABASE_URL: url })) expect([201, 503]).toContain(status);
  });
});

describe.skipIf(noOwnPostgres)('a migration that waits for another', () => {
  test('says for whom, and does not keep SIGTERM from ending it', { timeout: 60_000 }, async () => {
    const { url } = await createPostgres();
    const other = new pg.Client({ connectionString: url, application_name: 'somebody else' });
    other.on('error', () => {}); // What is asked of it rejects too.
    onTestFinished(() => other.end());
    await other.connect();
    await other.query('select pg_advisory_lock($1)', [migrationLock]);
    const replica = await startReplica({ env: { DATABASE_URL: url } });
    const said = await poll(() => replica.logs().find(({ msg }) => String(msg).includes('somebody else')), {
      what: 'the replica to say for whom it waits',
      withinMs: 20_000,
    });
    expect(said).toMatchObject({ level: 'warn', msg: expect.stringMatching(/waits for locks .* process \d+/) });
    expect(await replica.stop(15_000)).toBe(0);
  });
});

test.skipIf(noPostgres)('/readyz names each check that fails', { timeout: 60_000 }, async () => {
  const proxy = await createProxy((await createDatabase()).url);
  const { http, stop } = await startReady({ env: { DATABASE_URL: proxy.url, LEASE_TTL: '1s' } });
  await proxy.cut();
  const { body } = await poll(
    async () => {
      const response = await http.get('/readyz');
      return response.status === 503 && response;
    },
    { what: 'the replica not to be ready' },
  );
  const checks = Object.entries<string>(body.failing);
  expect(checks.length).toBeGreaterThan(0);
  for (const [check, why] of checks) {
    expect(check).toMatch(/^[a-z]+$/);
    expect(why).toMatch(/\w+ \w+/);
  }
  await proxy.restore();
  await untilReady(http);
  await stop();
});

test('a replica warms up once it has loaded its tasks, wherever targets may be', { timeout: 60_000 }, async () => {
  const { url } = await createDatabase();
  const replica = await startReady({
    env: { DATABASE_URL: url, LOG_LEVEL: 'debug', TARGET_DENY: '127.0.0.0/8', TARGET_ALLOW: '.example' },
  });
  const line = await poll(() => replica.logs().find(({ msg }) => msg === 'warmed up'), { what: 'it to be warmed up' });
  expect(line.calls).toBeGreaterThan(0);
  expect((await replica.http.get('/runs')).body.items).toEqual([]);
});
