import { createHash } from 'node:crypto';
import { mkdtemp, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import supertest from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startInProcess } from '../../services/in-process.ts';
import { type Api, type Body, startApi } from './client.ts';

const [oldKey, newKey] = [1, 2].map((fill) => Buffer.alloc(32, fill).toString('base64')) as [string, string];
const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const API_KEYS = [
  ...['reader', 'operator', 'admin'].map((role) => `${role}:${role}:${hashOf(`${role}-key`)}:default`),
  `owner:owner:${hashOf('owner-key')}`,
].join(',');

let api: Api;
let db: pg.Client;
beforeAll(async () => {
  api = await startApi({ API_KEYS, SECRETS_KEYS: oldKey });
  db = new pg.Client(api.database.url);
  await db.connect();
});
afterAll(() => db.end());

type Method = 'get' | 'put' | 'post' | 'delete';
const ask = (method: Method, path: string, body?: object, role = 'owner', http = api.http) => {
  const request = http[method](path).set('authorization', `Bearer ${role}-key`);
  return body === undefined ? request : request.send(body);
};
const put = (name: string, body: object, role = 'admin') => ask('put', `/secrets/${name}`, body, role);

test('a secret is set, listed with everything but its value, set again and deleted', async () => {
  const made = await put('TOKEN', { value: 'canary-one', description: 'of billing' }).expect(201);
  expect(made.body).toEqual({
    ...{ name: 'TOKEN', version: 1, description: 'of billing', createdAt: expect.any(String) },
    ...{ updatedAt: made.body.createdAt, lastUsedAt: null, usedBy: [], usedByMore: false },
  });
  const again = await put('TOKEN', { value: 'canary-two' }).expect(200);
  expect(again.body).toMatchObject({ version: 2, description: 'of billing', createdAt: made.body.createdAt });
  expect((await put('TOKEN', { value: 'canary-two', description: null }).expect(200)).body.description).toBeNull();
  const listed = await ask('get', '/secrets').expect(200);
  expect(listed.body).toMatchObject({ items: [{ name: 'TOKEN', version: 3 }], nextCursor: null });
  expect(JSON.stringify([made.body, again.body, listed.body])).not.toContain('canary');
  await ask('delete', '/secrets/TOKEN').expect(204);
  await ask('delete', '/secrets/TOKEN').expect(404);
  expect((await ask('get', '/secrets')).body.items).toEqual([]);
});

test('lists come in pages, by name', async () => {
  for (const name of ['P3', 'P1', 'P2']) await put(name, { value: 'x' }).expect(201);
  const first = await ask('get', '/secrets?limit=2').expect(200);
  expect(first.body.items.map(({ name }: Body) => name)).toEqual(['P1', 'P2']);
  const rest = await ask('get', `/secrets?limit=2&cursor=${first.body.nextCursor}`).expect(200);
  expect(rest.body).toMatchObject({ items: [{ name: 'P3' }], nextCursor: null });
  await ask('get', '/secrets?cursor=bm8tbmFtZSE').expect(400);
});

test.each([
  ['a name with a hyphen', 'a-b', { value: 'x' }, 400],
  ['a name with a digit in front', '1a', { value: 'x' }, 400],
  ['no value', 'A', {}, 400],
  ['an empty value', 'A', { value: '' }, 400],
  ['a number', 'A', { value: 1 }, 400],
  ['an unknown member', 'A', { value: 'x', name: 'A' }, 400],
  ['more bytes than a value may have', 'A', { value: `${'é'.repeat(8_192)}x` }, 422],
])('%s is refused', async (_, name, body, status) => {
  const { body: problem } = await put(name, body).expect(status);
  expect(problem.errors[0].pointer).toMatch(/^#\/(name|value)$/);
});

test('a value may have 16 KiB', async () => {
  await put('LARGE', { value: 'é'.repeat(8_192) }).expect(201);
});

test('only admins see and change secrets, and only owners wrap them anew', async () => {
  for (const role of ['reader', 'operator']) {
    await ask('get', '/secrets', undefined, role).expect(403);
    await put('A', { value: 'x' }, role).expect(403);
    await ask('delete', '/secrets/A', undefined, role).expect(403);
  }
  await ask('post', '/secrets/rewrap', undefined, 'admin').expect(403);
  await ask('post', '/ns/default/secrets/rewrap').expect(404);
});

test('a secret belongs to its namespace', async () => {
  await db.query(`insert into namespaces (id, created_at, updated_at) values ('billing', now(), now())`);
  await poll(async () => (await ask('put', '/ns/billing/secrets/OWN', { value: 'x' })).status === 201, {
    what: 'the namespace to be known',
  });
  expect((await ask('get', '/ns/billing/secrets')).body.items).toMatchObject([{ name: 'OWN' }]);
  await ask('delete', '/secrets/OWN').expect(404);
  await ask('get', '/ns/billing/secrets', undefined, 'admin').expect(404);
});

test('a namespace has no more secrets than its quota allows, and those that it has can be set again', async () => {
  await db.query(
    `insert into namespaces (id, quotas, created_at, updated_at) values ('few', '{"secrets": 2}', now(), now())`,
  );
  await poll(async () => (await ask('put', '/ns/few/secrets/ONE', { value: 'x' })).status === 201, {
    what: 'the namespace to be known',
  });
  const names = ['A', 'B', 'C', 'D'];
  const answers = await Promise.all(names.map((name) => ask('put', `/ns/few/secrets/${name}`, { value: 'x' })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 429, 429, 429]);
  const { body } = answers.find(({ status }) => status === 429) as (typeof answers)[number];
  expect(body).toMatchObject({ code: 'quota_exceeded', quota: 'secrets', limit: 2, used: 2 });
  await ask('put', '/ns/few/secrets/ONE', { value: 'y' }).expect(200);
});

test('two who set the same secret at once both succeed, one after the other', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => put('BUSY', { value: `v${n}` })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
  expect(answers.map(({ body }) => body.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('every change leaves an entry in the audit, without the value', async () => {
  await put('AUDITED', { value: 'canary-audit', description: 'first' });
  await put('AUDITED', { value: 'canary-again', description: 'second' });
  await ask('delete', '/secrets/AUDITED');
  const { rows } = await db.query(`select type, actor, data from audit where subject = 'secret:AUDITED' order by id`);
  expect(rows).toMatchObject([
    { type: 'secret.created', actor: 'key:admin', data: { version: { from: null, to: 1 } } },
    { type: 'secret.updated', data: { version: { from: 1, to: 2 }, description: { from: 'first', to: 'second' } } },
    { type: 'secret.deleted', actor: 'key:owner' },
  ]);
  expect(JSON.stringify(rows)).not.toContain('canary');
});

test('after a key was added all secrets are wrapped by it, on two replicas at once, and no other key is needed', async () => {
  for (let n = 0; n < 250; n++) await put(`MANY_${n}`, { value: `value ${n}` });
  const { rows: before } = await db.query('select count(*)::integer as count from secrets');
  const env = { DATABASE_URL: api.database.url, API_KEYS, SECRETS_KEYS: `${newKey},${oldKey}` };
  const replicas = await Promise.all([startInProcess({ env }), startInProcess({ env })]);
  const https = replicas.map(({ url }) => supertest(url));
  for (const http of https)
    await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
  const answers = await Promise.all(https.map((http) => ask('post', '/secrets/rewrap', undefined, 'owner', http)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const last = await ask('post', '/secrets/rewrap', undefined, 'owner', https[0]).expect(200);
  expect(last.body.remaining).toBe(0);
  const rewrapped = [...answers, last].reduce((sum, { body }) => sum + body.rewrapped, 0);
  expect(rewrapped).toBe(before[0].count);
  const { rows } = await db.query('select distinct wrapped_by from secrets');
  const idOfNew = createHash('sha256').update(Buffer.from(newKey, 'base64')).digest('hex').slice(0, 16);
  expect(rows).toEqual([{ wrapped_by: idOfNew }]);
  // The first replica does not know that key: what it cannot open, it leaves as it is.
  expect((await ask('post', '/secrets/rewrap').expect(200)).body).toEqual({ rewrapped: 0, remaining: before[0].count });
});

describe('without SECRETS_KEYS', () => {
  test('a cluster on Postgres says what to set', async () => {
    const off = await startApi();
    for (const request of [
      off.http.put('/secrets/A').send({ value: 'x' }),
      off.http.get('/secrets'),
      off.http.delete('/secrets/A'),
      off.http.post('/secrets/rewrap'),
    ]) {
      const { status, body } = await request;
      expect([status, body.code]).toEqual([503, 'secrets_off']);
      expect(body.detail).toContain('set SECRETS_KEYS');
    }
  });

  test('the embedded store makes a key in its folder when the first secret is set, and keeps it', async () => {
    const DATA_DIR = join(await mkdtemp(join(tmpdir(), 'punctual-test-')), 'data');
    const first = await startInProcess({ env: { DATA_DIR } });
    const http = supertest(first.url);
    await poll(async () => (await http.get('/readyz')).status === 200, { what: 'the replica to be ready' });
    await http.get('/secrets').expect(200);
    expect(await readdir(DATA_DIR)).not.toContain('secrets.key');
    await Promise.all(['A', 'B', 'C'].map((name) => http.put(`/secrets/${name}`).send({ value: 'x' }).expect(201)));
    expect((await readdir(DATA_DIR)).filter((name) => name.startsWith('secrets'))).toEqual(['secrets.key']);
    const made = await stat(join(DATA_DIR, 'secrets.key'));
    expect(made.mode & 0o777).toBe(0o600);
    await first.stop();
    const second = await startInProcess({ env: { DATA_DIR, SECRETS_KEYS: newKey } });
    const again = supertest(second.url);
    await poll(async () => (await again.get('/readyz')).status === 200, { what: 'the replica to be ready' });
    expect((await again.post('/secrets/rewrap').expect(200)).body).toEqual({ rewrapped: 3, remaining: 0 });
    expect((await stat(join(DATA_DIR, 'secrets.key'))).mtimeMs).toBe(made.mtimeMs);
    await second.stop();
  });
});
