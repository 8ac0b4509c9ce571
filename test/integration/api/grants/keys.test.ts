import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../poll.ts';
import type { Body } from '../client.ts';
import { type Asking, allOf, createCluster, keysOf, startOn } from './cluster.ts';

const owner = 'the-key-of-root';
const adminOfBilling = 'the-key-of-ann';
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

let api: Asking;
let query: Awaited<ReturnType<typeof createCluster>>['query'];
beforeAll(async () => {
  const cluster = await createCluster('billing', 'shop', 'leaving');
  query = cluster.query;
  await query("update namespaces set closing = true where id = 'leaving'");
  api = await startOn(cluster.url, {
    API_KEYS: keysOf('root:admin', 'ann:admin:billing', 'bob:operator:billing', 'guest:reader:shop', 'all:owner'),
  });
});

const make = (credential: string, more: Body = {}) =>
  api.post(credential, '/keys', { name: 'ci', role: 'operator', namespace: 'billing', ...more });

describe('a new key', () => {
  test('is shown once, works at once, and is kept as its hash alone', async () => {
    const { body } = await make(adminOfBilling, { name: 'once' }).expect(201);
    expect(body).toEqual({
      ...{ id: expect.stringMatching(uuid), name: 'once', role: 'operator', namespace: 'billing', expiresAt: null },
      ...{ createdAt: expect.stringMatching(/Z$/), createdBy: 'key:ann', lastUsedAt: null },
      key: expect.stringMatching(/^pk_[A-Za-z0-9_-]{43}$/),
    });
    await api.get(body.key, '/tasks').expect(200);
    const { key, ...shown } = body;
    const listed = (await allOf(api, adminOfBilling, '/keys')).find(({ id }) => id === body.id);
    expect({ ...listed, lastUsedAt: null }).toEqual(shown);
    const [row] = await query('select to_jsonb(k) as row from keys k where id = $1', [body.id]);
    expect(JSON.stringify(row)).not.toContain(key.slice(3));
    expect(api.output()).not.toContain(key.slice(3));
  });

  test('has the role and the namespace that it was made with, and no more', async () => {
    const { body } = await make(owner, { name: 'exact' }).expect(201);
    await api.get(body.key, '/ns/billing/tasks').expect(200);
    await api.get(body.key, '/ns/shop/tasks').expect(404);
    await api.get(body.key, '/ns/default/tasks').expect(404);
    await api.post(body.key, '/ns/billing/tasks', { schedule: '@daily', target: 'http://127.0.0.1:9/' }).expect(403);
    await make(body.key, { name: 'more' }).expect(403);
    const worker = await make(owner, { name: 'worker', role: 'worker' }).expect(201);
    await api.get(worker.body.key, '/ns/billing/tasks').expect(403);
    const everywhere = await make(owner, { name: 'watch', role: 'reader', namespace: '*' }).expect(201);
    await api.get(everywhere.body.key, '/ns/shop/tasks').expect(200);
    await api.get(everywhere.body.key, '/keys').expect(403);
  });

  test('is named as the author of what it does', async () => {
    const { body } = await make(owner, { name: 'deployer', role: 'admin' }).expect(201);
    const task = { id: 'a', schedule: { manual: true }, target: 'http://127.0.0.1:9/' };
    await api.post(body.key, '/ns/billing/tasks', task).expect(201);
    const events = await api.get(owner, '/ns/billing/tasks/a/events').expect(200);
    expect(events.body.items[0].actor).toBe('key:deployer');
  });

  test('has a name that no other key of its namespace has, of the settings neither', async () => {
    await make(owner, { name: 'twice' }).expect(201);
    const again = await make(adminOfBilling, { name: 'twice', role: 'reader' }).expect(409);
    expect(again.body.code).toBe('already_exists');
    await make(owner, { name: 'twice', namespace: 'shop' }).expect(201);
    expect((await make(owner, { name: 'bob' }).expect(409)).body.code).toBe('already_exists');
    expect((await make(owner, { name: 'all', namespace: '*' }).expect(409)).body.code).toBe('already_exists');
    const many = await Promise.all(Array.from({ length: 8 }, () => make(owner, { name: 'raced' })));
    expect(many.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)]);
  });

  test('leaves an entry of the audit in its namespace, and so does its end', async () => {
    const { body } = await make(adminOfBilling, { name: 'audited' }).expect(201);
    await api.remove(adminOfBilling, `/keys/${body.id}`).expect(204);
    const rows = await query('select type, namespace, actor, via, data from audit where subject = $1 order by id', [
      'key:audited',
    ]);
    const entry = { namespace: 'billing', actor: 'key:ann', via: 'key', data: { role: 'operator' } };
    expect(rows).toEqual([
      { ...entry, type: 'key.created' },
      { ...entry, type: 'key.deleted' },
    ]);
  });
});

describe('who may not give a key is refused', () => {
  const unknown = (id: string) => [{ pointer: '#/namespace', detail: `namespace "${id}" does not exist` }];

  test.each([
    ['an operator of the namespace', 'the-key-of-bob', {}],
    ['an admin who wants it for all namespaces', adminOfBilling, { namespace: '*' }],
    ['an admin who makes an owner of all', adminOfBilling, { namespace: '*', role: 'owner' }],
    ['an admin who makes an owner', adminOfBilling, { role: 'owner' }],
  ])('%s with 403', async (_, credential, more) => {
    expect((await make(credential, more).expect(403)).body.code).toBe('forbidden');
  });

  test('a namespace that one may not see is one that is not there', async () => {
    for (const namespace of ['shop', 'nowhere', 'default', 'leaving', 'Not a name'])
      expect((await make(adminOfBilling, { namespace }).expect(404)).body).toMatchObject({
        code: 'not_found',
        detail: `namespace "${namespace}" does not exist`,
      });
    for (const namespace of ['nowhere', 'leaving'])
      expect((await make(owner, { namespace }).expect(422)).body.errors).toEqual(unknown(namespace));
  });

  test('before anything is said about the rest of the request', async () => {
    await make('the-key-of-bob', { expiresAt: 'never' }).expect(403);
    await make(adminOfBilling, { namespace: '*', expiresAt: 'never' }).expect(403);
    await make(adminOfBilling, { namespace: 'shop', expiresAt: 'never' }).expect(404);
    await make('wrong', { name: 7 }).expect(401);
  });
});

describe('a key that makes no sense is refused', () => {
  test.each([
    ['an expiry that has passed', { expiresAt: '2026-01-01T00:00:00Z' }, '#/expiresAt'],
    ['an expiry that is no instant', { expiresAt: 'tomorrow' }, '#/expiresAt'],
    ['an owner of one namespace', { role: 'owner' }, '#/namespace'],
  ])('%s with 422', async (_, more, pointer) => {
    const { body } = await make(owner, { name: 'odd', ...more }).expect(422);
    expect(body.errors.map((error: Body) => error.pointer)).toEqual([pointer]);
  });

  test.each([
    ['a role that there is none of', { role: 'root' }, '#/role'],
    ['a name with a colon', { name: 'a:b' }, '#/name'],
    ['a name without end', { name: 'a'.repeat(65) }, '#/name'],
    ['a namespace that is no text', { namespace: null }, '#/namespace'],
    ['a field that is not known', { key: 'pk_mine' }, '#/key'],
  ])('%s with 400', async (_, more, pointer) => {
    const { body } = await make(owner, { name: 'odd', ...more }).expect(400);
    expect(body.errors.map((error: Body) => error.pointer)).toEqual([pointer]);
  });
});

describe('keys are listed', () => {
  test('page by page in the order in which they were made, to those who may administer them', async () => {
    for (const namespace of ['shop', 'billing', '*'])
      for (const name of ['l1', 'l2', 'l3']) await make(owner, { name, namespace, role: 'reader' }).expect(201);
    const all = await allOf(api, owner, '/keys');
    expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).sort());
    const ofList = (keys: Body[]) => keys.filter(({ name }) => /^l\d$/.test(name)).map((key) => key.namespace);
    expect(ofList(all)).toEqual(['shop', 'billing', '*'].flatMap((each) => [each, each, each]));
    const ofBilling = await allOf(api, adminOfBilling, '/keys');
    // Without what changes meanwhile: the time of the last use.
    const idsOf = (keys: Body[]) => keys.map(({ id }) => id);
    expect(idsOf(ofBilling)).toEqual(idsOf(all.filter(({ namespace }) => namespace === 'billing')));
    await api.get('the-key-of-guest', '/keys').expect(403);
    await api.get(owner, '/keys?cursor=bm90IGFuIGlk').expect(400);
  });

  test('an admin of all namespaces sees those of each, but none that holds in all', async () => {
    const { body } = await make(owner, { name: 'almost', role: 'admin', namespace: '*' }).expect(201);
    const seen = new Set((await allOf(api, body.key, '/keys', 50)).map(({ namespace }) => namespace));
    expect([...seen].sort()).toEqual(['billing', 'shop']);
    await make(body.key, { name: 'by-almost', namespace: 'shop' }).expect(201);
    await make(body.key, { name: 'by-almost', namespace: '*' }).expect(403);
    await api.remove(body.key, `/keys/${body.id}`).expect(404);
  });

  test('with the time of their last use, which no request waits for', async () => {
    const { body } = await make(owner, { name: 'used' }).expect(201);
    const before = Date.now();
    await api.get(body.key, '/tasks').expect(200);
    const lastUsedAt = await poll(
      async () => {
        const key = (await allOf(api, owner, '/keys', 200)).find(({ id }) => id === body.id);
        return key?.lastUsedAt !== null && String(key?.lastUsedAt);
      },
      { what: 'the use of the key to be noted' },
    );
    expect(Math.abs(Date.parse(lastUsedAt) - before)).toBeLessThan(10_000);
  });
});

describe('a key that is deleted', () => {
  test('is refused from then on', async () => {
    const { body } = await make(owner, { name: 'short' }).expect(201);
    await api.get(body.key, '/tasks').expect(200);
    await api.remove(adminOfBilling, `/keys/${body.id}`).expect(204);
    await api.get(body.key, '/tasks').expect(401);
    await api.remove(adminOfBilling, `/keys/${body.id}`).expect(404);
    await make(owner, { name: 'short' }).expect(201);
  });

  test('is one of those that its caller may administer: any other is not there', async () => {
    const { body } = await make(owner, { name: 'foreign', namespace: 'shop' }).expect(201);
    await api.remove(adminOfBilling, `/keys/${body.id}`).expect(404);
    await api.remove(adminOfBilling, '/keys/not-an-id').expect(404);
    await api.remove('the-key-of-guest', `/keys/${body.id}`).expect(403);
    await api.get(body.key, '/tasks').expect(200);
  });
});
