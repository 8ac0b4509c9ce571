import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../client.ts';
import { type Caller, foreign, own, settings, signedIn } from './credentials.ts';

let api: Api;
let callers: Caller[] = [];
beforeAll(async () => {
  api = await startApi({ ...settings, METRICS_AUTH: 'on' });
  callers = await signedIn();
  const client = new pg.Client({ connectionString: api.database.url });
  await client.connect();
  await client.query(
    `insert into namespaces (id, closing, created_at, updated_at)
    select id, id = 'closing', now(), now() from unnest($1::text[]) as id`,
    [[own, foreign, 'closing']],
  );
  // A second replica that keeps a circuit open.
  await client.query(
    `insert into replicas (id, version, host, pid, started_at, heartbeat_at, lease_until, running, tasks_loaded, breakers)
    values (gen_random_uuid(), '0', 'elsewhere', 1, now(), now(), now() + interval '1 hour', 0, 0, $1)`,
    [JSON.stringify([{ origin: 'https://payroll.example', state: 'open', openedMsAgo: 1 }])],
  );
  await client.end();
});

const byName = (name: string) => callers.find((caller) => caller.name === name)?.credential ?? '';
const get = (path: string, name: string) => api.http.get(path).set('authorization', `Bearer ${byName(name)}`);

test('/me tells who the caller is, and where it has a role', async () => {
  const ask = async (name: string) => (await get('/me', name).expect(200)).body;
  expect(await ask('the key of reader in billing')).toEqual({
    subject: 'key:reader-billing',
    via: 'key',
    bindings: [{ role: 'reader', namespace: own }],
    namespaces: [own],
  });
  expect(await ask('a token of worker in default')).toEqual({
    subject: 'jwt:alice',
    via: 'jwt',
    bindings: [{ role: 'worker', namespace: 'default' }],
    namespaces: ['default'],
  });
  expect(await ask('a token of admin in *')).toMatchObject({
    bindings: [{ role: 'admin', namespace: '*' }],
    namespaces: [own, 'default', foreign],
  });
});

test('/me names the caller of an open service, its owner', async () => {
  const open = await startApi();
  expect((await open.http.get('/me').expect(200)).body).toEqual({
    subject: 'anonymous',
    via: 'none',
    bindings: [{ role: 'owner', namespace: '*' }],
    namespaces: ['default'],
  });
});

test('/cluster shows the circuits, which name targets of all teams, to roles in all namespaces only', async () => {
  const ask = async (name: string) => (await get('/cluster', name).expect(200)).body.replicas;
  expect(await ask('the key of reader in *')).toContainEqual(
    expect.objectContaining({ breakers: [expect.objectContaining({ origin: 'https://payroll.example' })] }),
  );
  for (const name of ['the key of reader in billing', 'a token of admin in default']) {
    const replicas = await ask(name);
    expect(replicas).toContainEqual(expect.objectContaining({ host: 'elsewhere' }));
    expect(JSON.stringify(replicas)).not.toMatch(/breakers|payroll/);
  }
});

test('/metrics with METRICS_AUTH asks for a role in all namespaces that may read', async () => {
  await api.http.get('/metrics').expect(401);
  await get('/metrics', 'the key of reader in *').expect(200);
  await get('/metrics', 'the key of worker in *').expect(403);
  await get('/metrics', 'the key of admin in billing').expect(403);
});
