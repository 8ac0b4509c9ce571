import { createHash } from 'node:crypto';
import type supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll } from '../../../poll.ts';
import { hang, startTarget, status, type Target } from '../../../target.ts';
import { type Api, type Body, startApi } from '../client.ts';
import { routes } from './routes.ts';

const hash = (key: string) => createHash('sha256').update(key).digest('hex');
/** The admins of both namespaces have the same name. */
const keys = { a: 'the-key-of-the-admin-of-a', b: 'the-key-of-the-admin-of-b', root: 'the-key-of-root' };

let api: Api;
let target: Target;
let a: Body;
let b: Body;
/** What is in `a`, which no request to `b` changes. */
let before = '';
beforeAll(async () => {
  [api, target] = await Promise.all([
    startApi({
      API_KEYS: [
        ...['a', 'b'].map((namespace) => `boss:admin:${hash(keys[namespace as 'a'])}:${namespace}`),
        `root:owner:${hash(keys.root)}`,
      ].join(','),
    }),
    startTarget(),
  ]);
  for (const namespace of ['a', 'b']) await as('root', 'put', `/namespaces/${namespace}`).send({}).expect(201);
  a = await fill('a');
  b = await fill('b');
  before = await everythingOf('a');
});
afterAll(() => target.close());

type Who = keyof typeof keys;
type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

function as(who: Who, method: Method, path: string): supertest.Test {
  return api.http[method](path).set('authorization', `Bearer ${keys[who]}`);
}

const read = async (who: Who, path: string): Promise<Body> => (await as(who, 'get', path).expect(200)).body;
const manual = (id: string, more: Body = {}) => ({ id, schedule: { manual: true }, target: `${target.url}/`, ...more });
const create = (who: 'a' | 'b', task: Body) => as(who, 'post', '/tasks').send(task).expect(201);

async function runOf(who: 'a' | 'b', id: string, input: Body = {}): Promise<Body> {
  const asked = as(who, 'post', `/tasks/${id}/trigger`).set('prefer', 'wait=10').send(input);
  return (await asked.expect(202)).body;
}

/**
 * The same in each namespace, by its admin and without naming it: what a task, a run, a deleted task and a held run
 * leave behind. Everything that tells of it holds the mark of the namespace.
 */
async function fill(who: 'a' | 'b') {
  const mark = `mark-of-${who}`;
  await create(who, manual('same', { name: mark, labels: { mark } }));
  await create(who, manual(`only-${who}`, { description: mark }));
  await create(who, manual('gone'));
  const run = await runOf(who, 'same', { triggerSource: mark, input: { mark } });
  const only = await runOf(who, `only-${who}`);
  const last = await runOf(who, 'gone');
  await as(who, 'delete', '/tasks/gone').expect(204);
  target.setBehaviour(`/held-${who}`, status(202));
  await create(who, manual('held', { target: `${target.url}/held-${who}`, heartbeatTimeout: '1h' }));
  const { body: held } = await as(who, 'post', '/tasks/held/trigger').expect(202);
  const [call] = await target
    .waitFor((requests) => requests.some(({ path }) => path === `/held-${who}`))
    .then((requests) => requests.filter(({ path }) => path === `/held-${who}`));
  await poll(async () => (await read(who, `/runs/${held.id}`)).heartbeatDueAt !== null, { what: 'the run to be held' });
  return { run, only, last, held, mark, token: String(call?.headers['x-run-token']) };
}

/** All that the admin of a namespace can read about it. */
async function everythingOf(who: 'a' | 'b'): Promise<string> {
  const pages = ['/tasks', '/runs', '/runs?task=gone'].map((path) => read(who, path));
  const tasks = ['same', `only-${who}`, 'held'].flatMap((id) =>
    ['', '/next', '/events', '/misses', '/runs'].map((end) => read(who, `/tasks/${id}${end}`)),
  );
  const runs = (await read(who, '/runs')).items.map(({ id }: Body) => read(who, `/runs/${id}`));
  return JSON.stringify(await Promise.all([...pages, ...tasks, ...runs]));
}

test('what is in one namespace does not show in the other, by any list or page', async () => {
  const [ofA, ofB] = [await everythingOf('a'), await everythingOf('b')];
  expect(ofA).toContain(a.mark);
  for (const foreign of ['mark-of-b', 'only-b', b.run.id, b.last.id, b.held.id]) expect(ofA).not.toContain(foreign);
  for (const foreign of ['mark-of-a', 'only-a', a.run.id, a.last.id, a.held.id]) expect(ofB).not.toContain(foreign);
  for (const query of ['', '?task=same', '?task=gone', '?status=succeeded', '?trigger=manual', '?status=running'])
    for (const who of ['a', 'b'] as const) {
      const { items } = await read(who, `/runs${query}`);
      const own = Object.values(who === 'a' ? a : b).map((each) => each?.id);
      expect(items.length, query).toBeGreaterThan(0);
      for (const { id } of items) expect(own, query).toContain(id);
    }
  expect((await read('root', '/runs')).items).toEqual([]);
  expect((await read('root', '/tasks')).items).toEqual([]);
  expect((await read('a', '/tasks?label=mark:mark-of-b&q=mark')).items).toEqual([]);
});

/** Bodies that each route would take. */
const bodies: Record<string, () => Body> = {
  'POST /tasks': () => manual('same'),
  'POST /tasks/batch': () => ({ items: [manual('same')] }),
  'PUT /tasks/{id}': () => ({ ...manual(''), id: undefined }),
  'PATCH /tasks/{id}': () => ({ description: 'changed' }),
  'POST /tasks/{id}/backfill': () => ({ from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }),
  'POST /schedules/preview': () => ({ schedule: '@daily' }),
};
const isOfNamespace = (route: string) => typeof routes[route] === 'string' && routes[route] !== 'public';
/** A route for one task or run; PUT makes a task where there is none. */
const ofOne = Object.keys(routes).filter(
  (route) => isOfNamespace(route) && /^\w+ \/(tasks|runs)\/\{id\}/.test(route) && route !== 'PUT /tasks/{id}',
);

test.each(ofOne)('%s answers for what is in another namespace as for what is not there', async (route) => {
  const [method = '', path = ''] = route.split(' ');
  const isOfRun = path.startsWith('/runs');
  const [theirs, missing] = isOfRun
    ? [[a.run.id, a.held.id], '01939000-0000-7000-8000-000000000000']
    : [['only-a'], 'nowhere'];
  for (const [who, base] of [
    ['b', ''],
    ['b', '/ns/b'],
    ['root', '/ns/b'],
    ['root', ''],
  ] as const) {
    const ask = async (id: string) => {
      const asked = as(who, method.toLowerCase() as Method, `${base}${path.replace('{id}', id)}`);
      const answer = await asked.send(method === 'get' ? undefined : (bodies[route]?.() ?? {}));
      const { requestId: _, ...body } = answer.body;
      return { status: answer.status, body: JSON.parse(JSON.stringify(body).replaceAll(id, 'ID')) };
    };
    const expected = await ask(missing);
    expect(expected.status).toBe(routes[route] === 'token' ? 403 : 404);
    for (const id of theirs) expect(await ask(id)).toEqual(expected);
  }
  expect(await everythingOf('a')).toBe(before);
});

test('changes of a task with the same id in one namespace leave the other as it was', async () => {
  for (const route of ['POST /tasks', 'POST /tasks/batch']) {
    const { body } = await as('b', 'post', route.slice(5)).send(bodies[route]?.());
    expect(body.code ?? body.items[0].problem.code).toBe('task_exists');
  }
  await as('b', 'put', '/tasks/same').send(bodies['PUT /tasks/{id}']?.()).expect(200);
  await as('b', 'put', '/tasks/only-a').send(bodies['PUT /tasks/{id}']?.()).expect(201);
  await as('b', 'post', '/tasks/same/stop').send({ cancel: 'all' }).expect(200);
  await as('b', 'post', '/tasks/same/start').expect(200);
  await as('b', 'post', `/runs/${b.run.id}/retry`).expect(202);
  await as('b', 'delete', '/tasks/same').expect(204);
  await as('b', 'delete', '/tasks/only-a').expect(204);
  expect(await everythingOf('a')).toBe(before);
});

test('the token of a run counts in its own namespace, and where the path names none', async () => {
  const send = (path: string) => api.http.post(path).set('x-run-token', a.token).send({});
  const { body } = await send(`/ns/b/runs/${a.held.id}/heartbeat`).expect(404);
  expect(body.detail).toBe(`run "${a.held.id}" does not exist`);
  await send(`/ns/b/runs/${a.held.id}/complete`).expect(404);
  await send(`/ns/nowhere/runs/${a.held.id}/complete`).expect(404);
  await send(`/ns/a/runs/${b.held.id}/heartbeat`).expect(403);
  await send(`/runs/${a.held.id}/heartbeat`).expect(200);
  const { body: over } = await api.http.post(`/ns/a/runs/${a.held.id}/complete`).set('x-run-token', a.token);
  expect(over).toMatchObject({ id: a.held.id, status: 'succeeded' });
  expect((await read('b', `/runs/${b.held.id}`)).status).toBe('running');
});

test('namespaces share no idempotency key, though their callers have the same name', async () => {
  const send = (who: 'a' | 'b') => as(who, 'post', '/tasks').set('idempotency-key', 'one').send(manual('keyed'));
  const [ofA, ofB] = [await send('a').expect(201), await send('b').expect(201)];
  expect(ofB.headers['idempotency-replayed']).toBeUndefined();
  expect((await send('a').expect(201)).headers['idempotency-replayed']).toBe('true');
  await as('b', 'delete', '/tasks/keyed').expect(204);
  await read('a', '/tasks/keyed');
  expect(ofA.body.id).toBe(ofB.body.id);
});

test('namespaces share no limit, though its key is the same', async () => {
  target.setBehaviour('/limited', hang());
  const limited = manual('limited', { target: `${target.url}/limited`, concurrency: { key: 'db', limit: 1 } });
  for (const who of ['a', 'b'] as const) await create(who, limited);
  const runs = await Promise.all(
    (['a', 'b'] as const).map(async (who) => (await as(who, 'post', '/tasks/limited/trigger').expect(202)).body),
  );
  await target.waitFor((requests) => requests.filter(({ path }) => path === '/limited').length === 2);
  await as('a', 'post', `/runs/${runs[0].id}/cancel`).expect(202);
  await as('b', 'post', `/runs/${runs[1].id}/cancel`).expect(202);
});

test('Location and Link stay in the namespace that was asked', async () => {
  const made = await as('root', 'post', '/ns/a/tasks').send(manual('linked')).expect(201);
  expect(made.headers.location).toBe('/ns/a/tasks/linked');
  const own = await as('a', 'post', '/tasks/linked/trigger').expect(202);
  expect(own.headers.location).toBe(`/runs/${own.body.id}`);
  const page = await as('root', 'get', '/ns/a/tasks?limit=1').expect(200);
  expect(page.headers.link).toMatch(/^<\/ns\/a\/tasks\?/);
  const next = /<([^>]+)>/.exec(String(page.headers.link))?.[1] ?? '';
  expect((await read('root', next)).items).toHaveLength(1);
});
