import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { openPool } from '../store/store.ts';
import { type Api, type Body, startApi } from './client.ts';

const keys = {
  owner: 'the-owners-key',
  reader: 'the-key-of-a-reader-in-billing',
  worker: 'the-key-of-a-worker-in-billing',
  admin: 'the-key-of-an-admin-in-other',
};
type Who = keyof typeof keys;

const noQuotas = {
  ...{ tasks: null, concurrentRuns: null, minInterval: null, createsPerMinute: null },
  ...{ historyRetention: null, secrets: null, channels: null, monitors: null },
};

let api: Api;
beforeAll(async () => {
  const hash = (key: string) => createHash('sha256').update(key).digest('hex');
  api = await startApi({
    API_KEYS: [
      `root:admin:${hash(keys.owner)}`,
      `reader:reader:${hash(keys.reader)}:billing`,
      `worker:worker:${hash(keys.worker)}:billing`,
      `admin:admin:${hash(keys.admin)}:other`,
    ].join(','),
  });
  await put('billing').expect(201);
  await put('other').expect(201);
});

const as = (who: Who) => `Bearer ${keys[who]}`;
const put = (id: string, body: Body = {}, who: Who = 'owner') =>
  api.http.put(`/namespaces/${id}`).set('authorization', as(who)).send(body);
const get = (path: string, who: Who = 'owner') => api.http.get(path).set('authorization', as(who));

describe('PUT /namespaces/{ns}', () => {
  test('makes a namespace with the defaults, and changes it', async () => {
    const made = await put('fresh').expect(201);
    expect(made.headers.location).toBe('/namespaces/fresh');
    expect(made.body).toEqual({
      ...{ id: 'fresh', description: null, labels: {}, quotas: noQuotas, weight: 1 },
      ...{ targetAllow: null, targetDeny: null, closing: false },
      usage: { tasks: 0, concurrentRuns: 0, createsPerMinute: 0, secrets: 0 },
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });

    const wanted = {
      description: 'The billing team',
      labels: { team: 'billing' },
      quotas: { ...noQuotas, tasks: 500, minInterval: '90s', historyRetention: '2w' },
      weight: 3,
      targetAllow: ['.Example.com', 'private'],
      targetDeny: ['10.0.0.0/8'],
    };
    const changed = await put('fresh', wanted).expect(200);
    expect(changed.body).toMatchObject({
      ...wanted,
      quotas: { ...noQuotas, tasks: 500, minInterval: '1m30s', historyRetention: '14d' },
      targetAllow: ['.example.com', 'private'],
    });
    expect(changed.body.createdAt).toBe(made.body.createdAt);
    expect((await get('/namespaces/fresh').expect(200)).body).toEqual(changed.body);

    expect((await put('fresh', { weight: null }).expect(200)).body).toMatchObject({
      ...{ description: null, labels: {}, quotas: noQuotas, weight: 1, targetAllow: null, targetDeny: null },
    });
  });

  test.each([undefined, 'null'])('takes the body %s as an empty one', async (body) => {
    const request = api.http.put('/namespaces/bare').set('authorization', as('owner')).type('application/json');
    const answer = await request.send(body);
    expect(answer.body).toMatchObject({ id: 'bare', description: null, quotas: noQuotas, weight: 1 });
  });

  test.each([
    ['Capital', {}, ['#/id']],
    ['-a', {}, ['#/id']],
    ['a'.repeat(64), {}, ['#/id']],
    ['a_b', {}, ['#/id']],
    ['ok', { weight: 0 }, ['#/weight']],
    ['ok', { weight: 1_001 }, ['#/weight']],
    ['ok', { quotas: { concurrentRuns: 0, secrets: -1 } }, ['#/quotas/concurrentRuns', '#/quotas/secrets']],
    ['ok', { quotas: { concurrentRuns: 3_000_000_000 } }, ['#/quotas/concurrentRuns']],
    [
      'ok',
      { quotas: { minInterval: '0s', historyRetention: 'a week' } },
      ['#/quotas/minInterval', '#/quotas/historyRetention'],
    ],
    ['ok', { targetAllow: ['10.0.0.0/33'] }, ['#/targetAllow/0']],
    ['ok', { targetDeny: ['example.com', 'no host!', ''] }, ['#/targetDeny/1', '#/targetDeny/2']],
  ] as [string, Body, string[]][])('refuses %s %j with a 422 that points at the faults', async (id, body, pointers) => {
    const answer = await put(id, body).expect(422);
    expect(answer.body.errors.map(({ pointer }: Body) => pointer)).toEqual(pointers);
    expect((await get('/namespaces/ok')).status).toBe(404);
  });

  test.each([
    [{ quota: {} }, '#/quota'],
    [{ quotas: { task: 1 } }, '#/quotas/task'],
    [{ quotas: { tasks: 'many' } }, '#/quotas/tasks'],
    [{ weight: 1.5 }, '#/weight'],
    [{ targetAllow: 'example.com' }, '#/targetAllow'],
    [{ id: 'ok' }, '#/id'],
  ] as [Body, string][])('refuses %j with a 400, because its form is wrong', async (body, pointer) => {
    const answer = await put('ok', body).expect(400);
    expect(answer.body.errors[0].pointer).toBe(pointer);
  });

  test('refuses more than 256 rules about addresses', async () => {
    const targetDeny = Array.from({ length: 257 }, (_, place) => `h${place}.example`);
    const answer = await put('ok', { targetDeny }).expect(422);
    expect(answer.body.errors).toEqual([{ pointer: '#/targetDeny', detail: 'has more than 256 rules' }]);
  });

  test('is for owners only', async () => {
    for (const who of ['reader', 'worker', 'admin'] as const)
      for (const id of ['billing', 'other', 'unheard-of'])
        expect((await put(id, {}, who).expect(403)).body.code).toBe('forbidden');
  });

  test('lets the default namespace be changed', async () => {
    expect((await put('default', { quotas: { secrets: 5 } }).expect(200)).body.quotas.secrets).toBe(5);
    await put('default').expect(200);
  });

  test('opens the namespace at once', async () => {
    const task = { id: 'a', schedule: { manual: true }, target: 'http://127.0.0.1:9/' };
    const ask = () => api.http.post('/ns/at-once/tasks').set('authorization', as('owner')).send(task);
    await ask().expect(404);
    await put('at-once').expect(201);
    await ask().expect(201);
    expect((await get('/namespaces/at-once').expect(200)).body.usage.tasks).toBe(1);
  });

  test('leaves an entry of the audit', async () => {
    await put('noted', { weight: 2 }).expect(201);
    await put('noted', { weight: 5 }).expect(200);
    const { rows } = await openPool(api.database.url).pool.query(
      `select namespace, type, actor, data from audit where subject = 'namespace:noted' order by id`,
    );
    expect(rows).toMatchObject([
      { namespace: 'noted', type: 'namespace.created', actor: 'key:root', data: { weight: { from: null, to: 2 } } },
      { type: 'namespace.updated', data: { weight: { from: 2, to: 5 } } },
    ]);
  });
});

describe('DELETE /namespaces/{ns}', () => {
  const remove = (id: string, who: Who) => api.http.delete(`/namespaces/${id}`).set('authorization', as(who));

  test('is for owners only, and one that the caller has no role in is not there', async () => {
    expect((await remove('other', 'admin').expect(403)).body.code).toBe('forbidden');
    await remove('billing', 'worker').expect(403);
    for (const id of ['billing', 'unheard-of'])
      expect((await remove(id, 'admin').expect(404)).body.detail).toBe(`namespace "${id}" does not exist`);
  });

  test('leaves a refused attempt in the audit, where the namespace is there', async () => {
    const path = '/audit?type=access_refused&actor=key:reader&namespace=other';
    // Of many attempts in one second the audit keeps ten.
    const found = await poll(
      async () => {
        await remove('other', 'reader').expect(404);
        return (await get(path)).body.items[0] as Body | undefined;
      },
      { what: 'the attempt to be written', everyMs: 200 },
    );
    expect(found).toMatchObject({ changes: { status: 404, method: 'DELETE', path: '/namespaces/other' } });
  });
});

describe('GET /namespaces', () => {
  const idsOf = async (who: Who, query = '') =>
    (await get(`/namespaces${query}`, who).expect(200)).body.items.map(({ id }: Body) => id);

  test('shows an owner all of them, page by page', async () => {
    const all = await idsOf('owner');
    expect(all).toEqual(expect.arrayContaining(['billing', 'default', 'other']));
    expect(all).toEqual([...all].sort());
    const first = await get('/namespaces?limit=1').expect(200);
    expect(first.headers.link).toContain('rel="next"');
    expect(await idsOf('owner', `?limit=1&cursor=${first.body.nextCursor}`)).toEqual([all[1]]);
  });

  test('shows others those that they may read', async () => {
    expect(await idsOf('reader')).toEqual(['billing']);
    expect(await idsOf('admin')).toEqual(['other']);
    await get('/namespaces/billing', 'reader').expect(200);
    expect((await get('/namespaces/other', 'reader').expect(404)).body.code).toBe('not_found');
    expect((await get('/namespaces/unheard-of').expect(404)).body.detail).toBe('namespace "unheard-of" does not exist');
    await get('/namespaces', 'worker').expect(403);
  });

  test('tells how much is used', async () => {
    await put('used').expect(201);
    const create = (id: string) =>
      api.http
        .post('/ns/used/tasks')
        .set('authorization', as('owner'))
        .send({ id, schedule: { manual: true }, target: 'http://127.0.0.1:9/' });
    await create('a').expect(201);
    await create('b').expect(201);
    await api.http.delete('/ns/used/tasks/b').set('authorization', as('owner')).expect(204);
    expect((await get('/namespaces/used').expect(200)).body.usage).toEqual({
      tasks: 1,
      concurrentRuns: 0,
      createsPerMinute: 1,
      secrets: 0,
    });
  });
});
