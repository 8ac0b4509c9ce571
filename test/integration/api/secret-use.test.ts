import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../poll.ts';
import { startTarget, type Target } from '../../target.ts';
import { type Api, type Body, startApi } from './client.ts';

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const API_KEYS = `reader:reader:${hashOf('reader-key')}:default,owner:owner:${hashOf('owner-key')}`;
const mask = '••••••';

let api: Api;
let target: Target;
let db: pg.Client;
beforeAll(async () => {
  const SECRETS_KEYS = Buffer.alloc(32, 1).toString('base64');
  [api, target] = await Promise.all([startApi({ API_KEYS, SECRETS_KEYS }), startTarget()]);
  db = new pg.Client(api.database.url);
  await db.connect();
});
afterAll(() => Promise.all([target.close(), db.end()]));

type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';
const ask = (method: Method, path: string, body?: object, role = 'owner') => {
  const request = api.http[method](path).set('authorization', `Bearer ${role}-key`);
  return body === undefined ? request : request.send(body);
};
const setSecret = (name: string, value: string) => ask('put', `/secrets/${name}`, { value });
const taskWith = (id: string, called: Body, more: Body = {}) => ({
  ...{ id, schedule: { manual: true }, target: { url: `${target.url}/${id}`, template: true, ...called } },
  ...more,
});
const usersOf = async (name: string): Promise<string[]> => {
  const { body } = await ask('get', '/secrets?limit=200');
  return body.items.find((secret: Body) => secret.name === name)?.usedBy;
};
async function runOf(id: string): Promise<Body> {
  const { body } = await ask('post', `/tasks/${id}/trigger`).expect(202);
  return poll(
    async () => {
      const { body: run } = await ask('get', `/runs/${body.id}`);
      return !['pending', 'running', 'retrying'].includes(run.status) && (run as Body);
    },
    { what: `the run of ${id} to be over` },
  );
}

test('a secret is filled into headers and body, in every call with the value of that time', async () => {
  await setSecret('FIRST', 'value-one-of-it');
  const called = { headers: { authorization: 'Bearer {{ secrets.FIRST }}' }, body: { deep: ['{{secrets.FIRST}}!'] } };
  await ask('post', '/tasks', taskWith('plain', called)).expect(201);
  expect((await runOf('plain')).status).toBe('succeeded');
  await setSecret('FIRST', 'value-two-of-it');
  await runOf('plain');
  expect(
    target.requests.filter(({ path }) => path === '/plain').map(({ headers, body }) => [headers.authorization, body]),
  ).toEqual([
    ['Bearer value-one-of-it', '{"deep":["value-one-of-it!"]}'],
    ['Bearer value-two-of-it', '{"deep":["value-two-of-it!"]}'],
  ]);
  const { rows } = await db.query(`select last_used_at from secrets where name = 'FIRST'`);
  expect(rows[0].last_used_at).not.toBeNull();
});

describe('a task that names', () => {
  const bad: [what: string, called: Body, pointer: string, detail: RegExp][] = [
    ['an unknown secret', { headers: { 'x-a': '{{ secrets.NOWHERE }}' } }, '#/target/headers/x-a', /"NOWHERE"/],
    ['one in its URL', { url: 'http://127.0.0.1:9/{{ secrets.FIRST }}' }, '#/target/url', /may not use a secret/],
    ['one in brackets', { body: '{{ secrets["FIRST"] }}' }, '#/target/body', /only as \{\{ secrets.NAME \}\}/],
    ['a computed one', { body: '{{ secrets[taskId] }}' }, '#/target/body', /only as/],
    ['all of them', { body: '{{ secrets }}' }, '#/target/body', /only as/],
    ['one with a filter', { body: '{{ secrets.FIRST | upcase }}' }, '#/target/body', /only as/],
    ['one within a filter', { body: '{{ taskId | append: secrets.FIRST }}' }, '#/target/body', /only as/],
    ['one within brackets', { body: '{{ input[secrets.FIRST] }}' }, '#/target/body', /only as/],
    ['a member of one', { body: '{{ secrets.FIRST.size }}' }, '#/target/body', /only as/],
    ['one in a tag', { body: '{% assign a = secrets.FIRST %}{{ a }}' }, '#/target/body', /is no template|knows no/],
    ['one with an operator', { body: '{{ secrets.FIRST == "a" }}' }, '#/target/body', /only as/],
  ];
  test.each(bad)('%s is refused where it does so', async (_, called, pointer, detail) => {
    await setSecret('FIRST', 'value-one-of-it');
    const { body } = await ask('post', '/tasks', taskWith('bad', called)).expect(422);
    expect(body.errors).toEqual([{ pointer, detail: expect.stringMatching(detail) }]);
  });

  test('an unknown secret is refused by every kind of write, and in every place', async () => {
    const unknown = { url: `${target.url}/x`, template: true, headers: { 'x-a': '{{ secrets.GONE }}' } };
    const faults = async (answer: ReturnType<typeof ask>) =>
      (await answer.expect(422)).body.errors.map((e: Body) => e.pointer);
    expect(await faults(ask('put', '/tasks/new', { schedule: { manual: true }, target: unknown }))).toEqual([
      '#/target/headers/x-a',
    ]);
    await ask('post', '/tasks', taskWith('there', {})).expect(201);
    expect(await faults(ask('put', '/tasks/there', { schedule: { manual: true }, target: unknown }))).toHaveLength(1);
    expect(await faults(ask('patch', '/tasks/there', { fallback: unknown }))).toEqual(['#/fallback/headers/x-a']);
    expect(await faults(ask('patch', '/tasks/there', { hooks: { onFailure: unknown } }))).toEqual([
      '#/hooks/onFailure/headers/x-a',
    ]);
    const batch = [taskWith('b1', {}), taskWith('b2', { body: '{{ secrets.GONE }}' }), taskWith('b3', {})];
    const { body } = await ask('post', '/tasks/batch', { items: batch }).expect(200);
    expect(body.items.map((item: Body) => item.status)).toEqual([201, 422, 201]);
    expect(body.items[1].problem.errors[0].pointer).toBe('#/target/body');
  });

  test('what a hook does not know is refused in its hook', async () => {
    const hook = { url: `${target.url}/x`, template: true, headers: { 'x-a': '{{ input.a }}' } };
    const { body } = await ask('post', '/tasks', taskWith('hooked', {}, { hooks: { onSuccess: hook } })).expect(422);
    expect(body.errors[0].pointer).toBe('#/hooks/onSuccess/headers/x-a');
  });
});

test('a secret tells who uses it, and stays while somebody does', async () => {
  await setSecret('HELD', 'held-value');
  const uses = { headers: { 'x-a': '{{ secrets.HELD }}' } };
  for (const id of ['h1', 'h2', 'h3']) await ask('post', '/tasks', taskWith(id, uses)).expect(201);
  const hook = { url: `${target.url}/x`, template: true, ...uses };
  await ask('post', '/tasks', taskWith('h4', {}, { hooks: { onFailure: hook } })).expect(201);
  expect(await usersOf('HELD')).toEqual(['h1', 'h2', 'h3', 'h4']);
  await ask('put', '/tasks/h1', { schedule: { manual: true }, target: `${target.url}/h1` }).expect(200);
  await ask('patch', '/tasks/h2', { schedule: { every: '1h' }, target: { headers: { 'x-a': null } } }).expect(200);
  await ask('delete', '/tasks/h3').expect(204);
  expect(await usersOf('HELD')).toEqual(['h4']);
  const { body } = await ask('delete', '/secrets/HELD').expect(409);
  expect([body.code, body.detail]).toEqual(['in_use', expect.stringContaining('"h4"')]);
  await ask('delete', '/secrets/HELD?force=true').expect(204);
  await ask('patch', '/tasks/h4', { description: 'its secret is gone' }).expect(422);
});

test('many who write tasks and delete their secret at once leave no task without its secret', async () => {
  for (let round = 0; round < 10; round++) {
    await setSecret('RACE', 'race-value');
    const id = `race-${round}`;
    const body = { schedule: { manual: true }, target: { ...taskWith(id, { body: '{{ secrets.RACE }}' }).target } };
    const [written, deleted] = await Promise.all([ask('put', `/tasks/${id}`, body), ask('delete', '/secrets/RACE')]);
    expect([
      [201, 409],
      [422, 204],
      [503, 204],
    ]).toContainEqual([written.status, deleted.status]);
  }
});

test('a run whose secret is gone fails at once, for good', async () => {
  await setSecret('SHORT_LIVED', 'short-lived');
  const more = { retry: { maxAttempts: 5, minBackoff: '1s' } };
  await ask('post', '/tasks', taskWith('gone', { body: '{{ secrets.SHORT_LIVED }}' }, more)).expect(201);
  await ask('delete', '/secrets/SHORT_LIVED?force=true').expect(204);
  const run = await runOf('gone');
  expect(run).toMatchObject({
    ...{ status: 'failed', attempt: 1 },
    error: { kind: 'internal', message: expect.stringContaining('"SHORT_LIVED"') },
  });
  expect(target.requests.filter(({ path }) => path === '/gone')).toEqual([]);
});

test('readers see no header that a secret is filled into', async () => {
  await setSecret('FIRST', 'value-one-of-it');
  const headers = { 'x-plain': 'Token {{ secrets.FIRST }}', 'x-open': 'a' };
  await ask('post', '/tasks', taskWith('seen', { headers })).expect(201);
  expect((await ask('get', '/tasks/seen')).body.target.headers).toEqual(headers);
  expect((await ask('get', '/tasks/seen', undefined, 'reader')).body.target.headers).toEqual({
    ...headers,
    'x-plain': mask,
  });
});
