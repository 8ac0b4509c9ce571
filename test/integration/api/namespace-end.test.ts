import supertest from 'supertest';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startInProcess } from '../../services/in-process.ts';
import { startTarget, type Target } from '../../target.ts';
import { openPool } from '../store/store.ts';
import { type Api, type Body, startApi } from './client.ts';

let api: Api;
let other: ReturnType<typeof supertest>;
let target: Target;
beforeAll(async () => {
  api = await startApi();
  const replica = await startInProcess({ env: { DATABASE_URL: api.database.url } });
  other = supertest(replica.url);
  target = await startTarget();
  target.setBehaviour('/hang', () => {});
  await poll(async () => (await other.get('/readyz')).status === 200, { what: 'the other replica to be ready' });
});

const sql = (text: string, values: unknown[] = []) => openPool(api.database.url).pool.query(text, values);
const make = (id: string) => api.http.put(`/namespaces/${id}`).send({}).expect(201);
const end = (id: string, query = '') => api.http.delete(`/namespaces/${id}${query}`);
const create = (namespace: string, task: Body = {}, replica = api.http) =>
  replica.post(`/ns/${namespace}/tasks`).send({ id: 'a', schedule: { manual: true }, target: target.url, ...task });

/** How many rows of each table are left of a namespace. */
async function left(namespace: string): Promise<Body> {
  const { rows: tables } = await sql(
    `select table_name as name from information_schema.columns
     where table_schema = 'public' and column_name = 'namespace' and table_name <> 'audit'`,
  );
  expect(tables.length).toBeGreaterThan(10);
  const counts = [...tables.map(({ name }) => [name, 'namespace']), ['namespaces', 'id']].map(
    ([table, column]) => `select '${table}' as name, count(*)::int as rows from ${table} where ${column} = $1`,
  );
  const { rows } = await sql(counts.join(' union all '), [namespace]);
  return Object.fromEntries(rows.filter(({ rows }) => rows > 0).map((each) => [each.name, each.rows]));
}
const nothing = {};

describe('DELETE /namespaces/{ns}', () => {
  test('is refused for the default namespace, and for one that is not there', async () => {
    expect((await end('default', '?cascade=true').expect(409)).body.code).toBe('in_use');
    await end('unheard-of', '?cascade=true').expect(404);
  });

  test('takes an empty namespace, on every replica', async () => {
    await make('empty');
    await other.get('/ns/empty/tasks').expect(200);
    await end('empty').expect(204);
    await api.http.get('/namespaces/empty').expect(404);
    await create('empty').expect(404);
    await poll(async () => (await other.get('/ns/empty/tasks')).status === 404, { what: 'the other replica to know' });
    await end('empty').expect(404);
  });

  test('is a 409 while it holds a task, a key, a binding or a secret', async () => {
    await make('full');
    await create('full').expect(201);
    const { body } = await end('full').expect(409);
    expect([body.code, body.detail]).toEqual([
      'in_use',
      'namespace "full" holds 1 task; delete them first, or all with ?cascade=true',
    ]);
    await create('full', { id: 'b' }).expect(201);
    for (const id of ['a', 'b']) await api.http.delete(`/ns/full/tasks/${id}`).expect(204);
    await api.http.post('/keys').send({ name: 'k', role: 'reader', namespace: 'full' }).expect(201);
    await api.http.post('/bindings').send({ subject: 'user:ann', role: 'reader', namespace: 'full' }).expect(201);
    expect((await end('full').expect(409)).body.detail).toContain('holds 1 key, 1 binding;');
    await end('full', '?cascade=true').expect(204);
    expect(await left('full')).toEqual(nothing);
  });

  test('with cascade deletes all of it, and a new one of the same id shows nothing of it', async () => {
    await make('again');
    await create('again', { schedule: { every: '1s' } }).expect(201);
    await poll(async () => (await api.http.get('/ns/again/runs')).body.items.length > 0, { what: 'a run' });
    const run = (await api.http.get('/ns/again/runs')).body.items[0].id;
    await end('again', '?cascade=true').expect(204);
    expect(await left('again')).toEqual(nothing);
    await make('again');
    for (const path of ['tasks', 'runs']) expect((await api.http.get(`/ns/again/${path}`)).body.items).toEqual([]);
    await api.http.get('/ns/again/tasks/a/events').expect(404);
    await api.http.get(`/ns/again/runs/${run}`).expect(404);
    await create('again').expect(201);
  });

  test('waits for a run under way, lets nothing new in meanwhile, and goes on by itself', async () => {
    await make('busy');
    await create('busy', { target: `${target.url}/hang`, timeout: '1h' }).expect(201);
    await create('busy', { id: 'waits' }).expect(201);
    await other.post('/ns/busy/tasks/a/trigger').expect(202);
    await target.waitFor((requests) => requests.some(({ path }) => path === '/hang'));
    const { body } = await end('busy', '?cascade=true').expect(202);
    expect(body).toMatchObject({ id: 'busy', closing: true });
    await create('busy', { id: 'late' }).expect(404);
    await create('busy', { id: 'late' }, other).expect(404);
    expect((await api.http.put('/namespaces/busy').send({}).expect(409)).body.code).toBe('illegal_transition');
    const closedAt = () => sql(`select updated_at from namespaces where id = 'busy'`).then(({ rows }) => rows);
    const [before] = await closedAt();
    await end('busy', '?cascade=true');
    // Whoever asks again and again does not put off the end. It may have come by now.
    expect([[before], []]).toContainEqual(await closedAt());
    await poll(async () => (await api.http.get('/namespaces/busy')).status === 404, {
      what: 'the namespace to be gone',
      withinMs: 20_000,
    });
    expect(await left('busy')).toEqual(nothing);
  });

  test('loses no task whose creation was answered, however the two meet', async () => {
    for (let round = 0; round < 20; round++) {
      await make('racing');
      const [gone, ...created] = await Promise.all([
        end('racing'),
        ...['a', 'b', 'c'].map((id, place) => create('racing', { id }, place === 1 ? other : api.http)),
      ]);
      const made = created.filter(({ status }) => status === 201).map(({ body }) => body.id);
      expect([204, 409]).toContain(gone.status);
      if (gone.status === 204) expect(made).toEqual([]);
      const { rows } = await sql(`select id from tasks where namespace = 'racing' and deleted_at is null order by id`);
      expect(rows.map(({ id }) => id)).toEqual(made);
      if (gone.status === 409) await end('racing', '?cascade=true').expect(204);
    }
  });

  test('is finished by the others where its replica died half way', async () => {
    await make('orphaned');
    await create('orphaned').expect(201);
    // All that a replica leaves that dies right after it has closed the namespace.
    await sql(
      `update namespaces set closing = true, cascading = true, changed_in = pg_current_xact_id() where id = 'orphaned'`,
    );
    await poll(async () => (await left('orphaned')).namespaces === undefined, { what: 'the namespace to be gone' });
    expect(await left('orphaned')).toEqual(nothing);
  });
});
