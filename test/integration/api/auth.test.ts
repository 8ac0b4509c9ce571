import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import supertest from 'supertest';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Body, startApi } from './client.ts';

const roles = ['reader', 'operator', 'admin'] as const;
type Role = (typeof roles)[number];

const keyOf = (role: Role) => `the-${role}s-key`;
const secret = 'a secret of tokens that is long enough for HS256';
const issuer = 'https://issuer.example';

/** Every route and the least role that opens it. A route that is not here fails the test below. */
const routes: Record<string, Role | 'public' | 'token'> = {
  'GET /livez': 'public',
  'GET /readyz': 'public',
  'GET /healthz': 'public',
  'GET /metrics': 'public',
  'GET /cluster': 'reader',
  'POST /tasks': 'admin',
  'GET /tasks': 'reader',
  'POST /tasks/batch': 'admin',
  'GET /tasks/{id}': 'reader',
  'PUT /tasks/{id}': 'admin',
  'PATCH /tasks/{id}': 'admin',
  'DELETE /tasks/{id}': 'admin',
  'POST /tasks/{id}/start': 'operator',
  'POST /tasks/{id}/stop': 'operator',
  'POST /tasks/{id}/trigger': 'operator',
  'GET /tasks/{id}/next': 'reader',
  'GET /tasks/{id}/events': 'reader',
  'GET /tasks/{id}/misses': 'reader',
  'POST /tasks/{id}/backfill': 'operator',
  'GET /tasks/{id}/runs': 'reader',
  'GET /runs': 'reader',
  'GET /runs/{id}': 'reader',
  'POST /runs/{id}/cancel': 'operator',
  'POST /runs/{id}/retry': 'operator',
  'POST /runs/{id}/complete': 'token',
  'POST /runs/{id}/heartbeat': 'token',
  'POST /schedules/preview': 'reader',
};
/** Not part of the contract they publish. */
const hidden = ['GET /openapi.json', 'GET /docs', 'GET /docs/', 'GET /docs/json', 'GET /docs/static/swagger-ui.css'];

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
function token(change: Body = {}, signedWith = secret): Promise<string> {
  const claims = { sub: 'alice', role: 'operator', iss: issuer, aud: 'punctual', ...change };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(change.exp ?? '1m')
    .sign(Buffer.from(signedWith));
}

/** A request that is wrong in every other way: of something unknown, with a query and a body that cannot be read. */
function ask(route: string, credential?: string): supertest.Test {
  const [method = '', path = ''] = route.split(' ');
  const url = `${path.replace('{id}', path.startsWith('/runs') ? '01939000-0000-7000-8000-000000000000' : 'unknown')}?n=1`;
  const test = supertest(api.url)[method.toLowerCase() as 'get'](url);
  if (credential !== undefined) test.set('authorization', `Bearer ${credential}`);
  return method === 'GET' ? test : test.set('content-type', 'application/json').send('{"this is": not JSON');
}

const expectProblem = (response: supertest.Response, status: number, code: string) => {
  expect([response.status, response.body.code]).toEqual([status, code]);
  expect(response.headers['content-type']).toContain('application/problem+json');
};

test('every route of the contract is in the table', async () => {
  const { body } = await api.http.get('/openapi.json').expect(200);
  const published = Object.entries<Body>(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(published.sort()).toEqual(Object.keys(routes).sort());
});

describe.each(Object.entries(routes).filter(([, needed]) => needed !== 'public' && needed !== 'token'))(
  '%s',
  (route, needed) => {
    test('without credentials or with wrong ones is a 401 before anything else', async () => {
      const none = await ask(route);
      expectProblem(none, 401, 'unauthenticated');
      expect(none.headers['www-authenticate']).toBe('Bearer realm="punctual"');
      for (const wrong of ['the-admins-kez', 'the-admin', await token({}, `another ${secret}`)]) {
        const response = await ask(route, wrong);
        expectProblem(response, 401, 'unauthenticated');
        expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="punctual", error="invalid_token"/);
        expect(JSON.stringify(response.body)).not.toContain(wrong);
      }
      if (route.startsWith('GET ')) {
        const head = await supertest(api.url).head(route.slice(4).replace('{id}', 'unknown'));
        expect([401, 404]).toContain(head.status);
      }
    });

    test.each(roles)(`as %s is ${needed === 'reader' ? 'open' : `open from ${needed} on`}`, async (role) => {
      const allowed = roles.indexOf(role) >= roles.indexOf(needed as Role);
      for (const credential of [keyOf(role), await token({ role })]) {
        const response = await ask(route, credential);
        if (!allowed) expectProblem(response, 403, 'forbidden');
        // Whatever is wrong with the request, it is not who asks.
        else expect([200, 400, 404]).toContain(response.status);
      }
    });
  },
);

test.each(Object.keys(routes).filter((route) => routes[route] === 'token'))(
  '%s is open to nobody but who has the token of the run',
  async (route) => {
    expectProblem(await ask(route), 401, 'unauthenticated');
    for (const role of roles) expectProblem(await ask(route, keyOf(role)), 403, 'forbidden');
  },
);

test.each([...Object.keys(routes).filter((route) => routes[route] === 'public'), ...hidden])(
  '%s is open to everybody, also with wrong credentials',
  async (route) => {
    for (const credential of [undefined, 'wrong']) {
      const test = supertest(api.url).get(route.slice(4));
      if (credential !== undefined) test.set('authorization', `Bearer ${credential}`);
      expect((await test).status).toBe(200);
    }
  },
);

test('a path that is no route tells nobody so without credentials', async () => {
  expectProblem(await ask('GET /no/such/route'), 401, 'unauthenticated');
  expectProblem(await ask('GET /no/such/route', keyOf('reader')), 404, 'not_found');
});

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
  expectProblem(await ask('GET /tasks', await token(change)), status, code);
});
