import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import type supertest from 'supertest';
import { beforeAll, expect, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

const roles = ['reader', 'operator', 'admin'] as const;
type Role = (typeof roles)[number];

const keyOf = (role: Role) => `the-${role}s-key`;
const secret = 'a secret of tokens that is long enough for HS256';
const issuer = 'https://issuer.example';

let api: Api;
beforeAll(async () => {
  const hash = (key: string) => createHash('sha256').update(key).digest('hex');
  api = await startApi({
    API_KEYS: roles.map((role) => `the-${role}:${role}:${hash(keyOf(role))}`).join(','),
    JWT_SECRET: secret,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: 'punctual',
  });
});

/** A token as the settings want it, but for `change`. */
function token(change: Body = {}): Promise<string> {
  const claims = { sub: 'alice', role: 'operator', iss: issuer, aud: 'punctual', ...change };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(change.exp ?? '1m')
    .sign(Buffer.from(secret));
}

const expectProblem = (response: supertest.Response, status: number, code: string) => {
  expect([response.status, response.body.code]).toEqual([status, code]);
  expect(response.headers['content-type']).toContain('application/problem+json');
};

test('an API key in X-Api-Key does as well', async () => {
  await api.http.get('/tasks').set('x-api-key', keyOf('reader')).expect(200);
  await api.http.get('/tasks').set('x-api-key', 'wrong').expect(401);
});

test('events name who acted, by key and by token', async () => {
  const as = (credential: string) => ({ authorization: `Bearer ${credential}` });
  const task = { id: 'watched', schedule: { manual: true }, target: 'http://127.0.0.1:9/' };
  await api.http
    .post('/tasks')
    .set(as(keyOf('admin')))
    .send(task)
    .expect(201);
  await api.http
    .post('/tasks/watched/stop')
    .set(as(keyOf('operator')))
    .expect(200);
  await api.http
    .post('/tasks/watched/start')
    .set(as(await token()))
    .expect(200);
  const { body } = await api.http
    .get('/tasks/watched/events')
    .set(as(keyOf('reader')))
    .expect(200);
  expect(body.items.map(({ type, actor }: Body) => [type, actor])).toEqual([
    ['started', 'jwt:alice'],
    ['stopped', 'key:the-operator'],
    ['created', 'key:the-admin'],
  ]);
  expect(api.replica.output()).not.toMatch(/the-\w+s-key|a secret of tokens|eyJ/);
});

test.each<[string, Body, number, string]>([
  ['that has expired', { exp: Math.floor(Date.now() / 1_000) - 60 }, 401, 'unauthenticated'],
  ['of another issuer', { iss: 'https://other.example' }, 401, 'unauthenticated'],
  ['for another audience', { aud: 'other' }, 401, 'unauthenticated'],
  ['without a role', { role: undefined }, 403, 'forbidden'],
  ['of an unknown role', { role: 'boss' }, 403, 'forbidden'],
])('a token %s opens nothing', async (_, change, status, code) => {
  const answer = await api.http.get('/tasks').set('authorization', `Bearer ${await token(change)}`);
  expectProblem(answer, status, code);
});
