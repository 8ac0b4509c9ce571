import { beforeAll, describe, expect, test } from 'vitest';
import { hashOfId } from '../../../../src/domain/access/session.ts';
import type { Body } from '../client.ts';
import { type Asking, allOf, createCluster, keysOf, startOn, tokenOf, tokenSettings } from './cluster.ts';

const owner = 'the-key-of-root';
const adminOfBilling = 'the-key-of-ann';

let api: Asking;
let query: Awaited<ReturnType<typeof createCluster>>['query'];
beforeAll(async () => {
  const cluster = await createCluster('billing', 'shop');
  query = cluster.query;
  api = await startOn(cluster.url, {
    API_KEYS: keysOf('root:admin', 'ann:admin:billing', 'bob:operator:billing'),
    ...tokenSettings,
  });
});

const bind = (credential: string, subject: string, role = 'operator', namespace = 'billing') =>
  api.post(credential, '/bindings', { subject, role, namespace });

describe('a binding', () => {
  test('is made, listed and deleted, and each leaves an entry of the audit', async () => {
    const { body } = await bind(adminOfBilling, 'group:ops').expect(201);
    expect(body).toEqual({
      ...{ id: expect.any(String), subject: 'group:ops', role: 'operator', namespace: 'billing' },
      ...{ createdAt: expect.stringMatching(/Z$/), createdBy: 'key:ann' },
    });
    expect(await allOf(api, adminOfBilling, '/bindings')).toContainEqual(body);
    expect((await bind(owner, 'group:ops').expect(409)).body.code).toBe('already_exists');
    await bind(owner, 'group:ops', 'reader').expect(201);
    await api.remove(adminOfBilling, `/bindings/${body.id}`).expect(204);
    await api.remove(adminOfBilling, `/bindings/${body.id}`).expect(404);
    const rows = await query("select type, namespace, actor, data from audit where subject = 'group:ops' order by id");
    const entry = { namespace: 'billing', actor: 'key:ann', data: { role: 'operator' } };
    expect(rows.filter(({ actor }) => actor === 'key:ann')).toEqual([
      { ...entry, type: 'binding.created' },
      { ...entry, type: 'binding.deleted' },
    ]);
  });

  test('that was the last of a person ends its sessions, and another one does not bring them back', async () => {
    const hash = hashOfId('the-session-of-zoe');
    await query(
      `insert into sessions (hash, subject, groups, created_at, used_at, ends_at)
       values ($1, 'user:zoe', '["night"]', now(), now(), now() + interval '1 hour')`,
      [hash],
    );
    const live = async () => (await query('select from sessions where hash = $1', [hash])).length;
    const own = (await bind(owner, 'user:zoe').expect(201)).body.id;
    const ofGroup = (await bind(owner, 'group:night', 'reader', 'shop').expect(201)).body.id;
    await api.remove(owner, `/bindings/${own}`).expect(204);
    expect(await live()).toBe(1);
    await api.remove(owner, `/bindings/${ofGroup}`).expect(204);
    await bind(owner, 'user:zoe').expect(201);
    const cookie = 'punctual=the-session-of-zoe';
    expect((await fetch(`${api.url}/me`, { headers: { cookie } })).status).toBe(401);
  });

  test('goes with its namespace, and so do the sessions that stand on it alone', async () => {
    await query(`insert into namespaces (id, created_at, updated_at) values ('brief', now(), now())`);
    await bind(owner, 'user:max', 'reader', 'brief').expect(201);
    await query(
      `insert into sessions (hash, subject, created_at, used_at, ends_at)
       values ('of-max', 'user:max', now(), now(), now() + interval '1 hour')`,
    );
    await api.remove(owner, '/namespaces/brief?cascade=true').expect(204);
    expect(await query(`select from sessions where hash = 'of-max'`)).toEqual([]);
  });

  test.each([
    ['a key', 'key:ci'],
    ['a name without its kind', 'ann@example.org'],
    ['nobody', 'user:'],
    ['a blank at the end', 'user:ann '],
    ['a character that cannot be seen', 'group:o\u200bps'],
  ])('cannot be for %s', async (_, subject) => {
    const { body } = await bind(owner, subject).expect(422);
    expect(body.errors.map((error: Body) => error.pointer)).toEqual(['#/subject']);
  });

  test('gives nobody what its author does not have', async () => {
    await bind(adminOfBilling, 'user:me', 'admin', '*').expect(403);
    await bind(adminOfBilling, 'user:me', 'owner', '*').expect(403);
    await bind(adminOfBilling, 'user:me', 'owner').expect(403);
    await bind('the-key-of-bob', 'user:me', 'reader').expect(403);
    for (const namespace of ['shop', 'nowhere', 'default']) {
      const { body } = await bind(adminOfBilling, 'user:me', 'reader', namespace).expect(404);
      expect(body).toMatchObject({ code: 'not_found', detail: `namespace "${namespace}" does not exist` });
    }
    expect((await bind(owner, 'user:me', 'owner').expect(422)).body.errors[0].pointer).toBe('#/namespace');
    await bind(owner, 'user:boss', 'owner', '*').expect(201);
  });

  test('is seen and taken by those who could give it', async () => {
    const foreign = (await bind(owner, 'user:far', 'reader', 'shop').expect(201)).body;
    const everywhere = (await bind(owner, 'user:far', 'reader', '*').expect(201)).body;
    const seen = await allOf(api, adminOfBilling, '/bindings');
    expect(new Set(seen.map(({ namespace }) => namespace))).toEqual(new Set(['billing']));
    for (const { id } of [foreign, everywhere]) {
      await api.remove(adminOfBilling, `/bindings/${id}`).expect(404);
      await api.remove(owner, `/bindings/${id}`).expect(204);
    }
    await api.get('the-key-of-bob', '/bindings').expect(403);
  });
});

describe('a token without a role', () => {
  test('has the bindings of its subject and of its groups, together', async () => {
    const token = await tokenOf({ sub: 'ann@example.org', groups: ['writers', 'readers', 7, 'x'.repeat(300)] });
    const refused = await api.get(token, '/ns/billing/tasks').expect(403);
    expect(refused.body.code).toBe('forbidden');
    await bind(owner, 'user:ann@example.org', 'reader', 'billing').expect(201);
    await api.get(token, '/ns/billing/tasks').expect(200);
    await api.get(token, '/ns/shop/tasks').expect(404);
    await api.get(token, '/tasks').expect(200);
    const { body } = await bind(owner, 'group:writers', 'admin', 'shop').expect(201);
    const task = { id: 'of-ann', schedule: { manual: true }, target: 'http://127.0.0.1:9/' };
    await api.post(token, '/ns/shop/tasks', task).expect(201);
    await api.post(token, '/ns/billing/tasks', task).expect(403);
    expect((await api.get(token, '/tasks').expect(400)).body.namespaces).toEqual(['billing', 'shop']);
    const events = await api.get(owner, '/ns/shop/tasks/of-ann/events').expect(200);
    expect(events.body.items[0].actor).toBe('jwt:ann@example.org');
    await api.remove(owner, `/bindings/${body.id}`).expect(204);
    await api.get(token, '/ns/shop/tasks').expect(404);
  });

  test('may have one group, as text, and no subject', async () => {
    await bind(owner, 'group:robots', 'reader', 'shop').expect(201);
    await api.get(await tokenOf({ groups: 'robots' }), '/tasks').expect(200);
    await api.get(await tokenOf({}), '/tasks').expect(403);
  });

  test('has none where it names a namespace, or a role that there is none of', async () => {
    await bind(owner, 'user:eve', 'reader', '*').expect(201);
    await api.get(await tokenOf({ sub: 'eve' }), '/ns/shop/tasks').expect(200);
    await api.get(await tokenOf({ sub: 'eve', namespace: 'shop' }), '/ns/shop/tasks').expect(403);
    await api.get(await tokenOf({ sub: 'eve', role: 'root' }), '/ns/shop/tasks').expect(403);
  });

  test('keeps to its role where it names one, whatever its bindings are', async () => {
    await bind(owner, 'user:max', 'owner', '*').expect(201);
    const token = await tokenOf({ sub: 'max', role: 'reader', namespace: 'shop' });
    await api.get(token, '/ns/shop/tasks').expect(200);
    await api.get(token, '/ns/billing/tasks').expect(404);
    await api.get(token, '/bindings').expect(403);
  });
});

describe('bindings of the settings', () => {
  const env = {
    API_KEYS: keysOf('root:admin'),
    ...tokenSettings,
    ROLE_BINDINGS: 'group:ops=admin@*, group:bosses=owner@*,\nuser:ann=b@example.org=reader@billing',
  };

  test('are made once by however many replicas; a start makes them again, and deletes none', async () => {
    const { url, query: ask } = await createCluster();
    const replicas = await Promise.all([startOn(url, env), startOn(url, env), startOn(url, env)]);
    const [first] = replicas as [Asking, Asking, Asking];
    const made = (items: Body[]) =>
      items.map(({ subject, role, namespace, createdBy }) => [subject, role, namespace, createdBy]);
    const seeds = [
      ['group:bosses', 'owner', '*', 'settings'],
      ['group:ops', 'admin', '*', 'settings'],
      ['user:ann=b@example.org', 'reader', 'billing', 'settings'],
    ];
    const before = await allOf(first, owner, '/bindings');
    expect(made(before).sort()).toEqual(seeds);
    const audit = await ask("select actor, via, subject from audit where type = 'binding.created' order by id");
    // In one order on all replicas, whatever the order of the setting, so that none waits for another in a circle.
    expect(audit).toEqual(seeds.map(([subject]) => ({ actor: 'settings', via: 'system', subject })));

    const ops = before.find(({ subject }) => subject === 'group:ops')?.id;
    await first.remove(owner, `/bindings/${ops}`).expect(204);
    expect(await allOf(first, owner, '/bindings')).toHaveLength(2);
    const fewer = await startOn(url, { ...env, ROLE_BINDINGS: 'group:ops=admin@*' });
    expect(made(await allOf(fewer, owner, '/bindings')).sort()).toEqual(seeds);
  });

  test('let the first people in: an owner of the cluster, and an admin of every namespace', async () => {
    const { url } = await createCluster('billing');
    const started = await startOn(url, env);
    const boss = await tokenOf({ sub: 'bo', groups: ['bosses'] });
    const ops = await tokenOf({ sub: 'al', groups: ['ops'] });
    const key = { name: 'ci', role: 'operator', namespace: 'billing' };
    await started.post(ops, '/keys', key).expect(201);
    await started.post(ops, '/keys', { ...key, namespace: '*' }).expect(403);
    await started.post(boss, '/keys', { ...key, namespace: '*' }).expect(201);
    const ann = await tokenOf({ sub: 'ann=b@example.org' });
    await started.get(ann, '/tasks').expect(200);
  });
});
