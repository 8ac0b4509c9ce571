import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { type ApiProcess, type Body, startApiProcess } from './client.ts';

// A process, which is killed with the file: after these requests a stop takes more than 40 s.
let api: ApiProcess;
beforeAll(async () => {
  api = await startApiProcess({ MAX_CONCURRENT_REQUESTS: '2' });
});

/** Keeps whoever asks for tasks waiting for Postgres until it is called. */
async function lockTasks() {
  const client = new pg.Client(api.database.url);
  await client.connect();
  await client.query('begin; lock table tasks in access exclusive mode');
  return async () => {
    await client.query('commit');
    await client.end();
  };
}

const shed = async (): Promise<number> => {
  const { text } = await api.http.get('/metrics').expect(200);
  return Number(/^http_requests_shed_total (\d+)$/m.exec(text)?.[1]);
};

test('requests beyond the limit are told to come back, health and metrics are answered, and all is well afterwards', async () => {
  const unlock = await lockTasks();
  const held = [fetch(`${api.url}/tasks`), fetch(`${api.url}/tasks`)];
  await poll(async () => (await fetch(`${api.url}/runs`)).status === 503, { what: 'both places to be taken' });
  const before = await shed();
  const refused = await api.http.get('/tasks').set('x-request-id', 'refused-1').expect(503);
  expect(refused.headers).toMatchObject({
    'retry-after': '1',
    'content-type': expect.stringMatching(/^application\/problem\+json/),
    'x-request-id': 'refused-1',
  });
  expect(refused.body satisfies Body).toEqual({
    type: 'urn:punctual:problem:unavailable',
    title: 'Not available right now',
    status: 503,
    detail: 'more requests are under way than are answered in good time',
    instance: '/tasks',
    code: 'unavailable',
    requestId: 'refused-1',
  });
  await api.http.get('/nowhere').expect(503);
  // With a body that nobody reads, on a connection that goes on.
  await api.http
    .post('/tasks')
    .send({ id: 'x'.repeat(200_000) })
    .expect(503);
  for (const path of ['/livez', '/readyz', '/healthz', '/metrics']) await api.http.get(path).expect(200);
  expect(await shed()).toBe(before + 3);

  await unlock();
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200]);
  await api.http.get('/tasks').expect(200);
});

test('one that goes away leaves its place', async () => {
  const unlock = await lockTasks();
  const leaving = [new AbortController(), new AbortController()];
  const gone = leaving.map(({ signal }) => fetch(`${api.url}/tasks`, { signal }).catch(() => 'gone'));
  await poll(async () => (await fetch(`${api.url}/runs`)).status === 503, { what: 'both places to be taken' });
  for (const each of leaving) each.abort();
  await Promise.all(gone);
  // Of what needs no table that is locked.
  await poll(async () => (await fetch(`${api.url}/cluster`)).status === 200, { what: 'a free place' });
  await unlock();
});
