import { expect, test } from 'vitest';
import { poll } from '../../../poll.ts';
import { createProxy } from '../../../services/proxy.ts';
import { countStatements } from '../../../services/wire-counter.ts';
import type { Body } from '../client.ts';
import { type Asking, allOf, createCluster, keysOf, startOn, tokenOf, tokenSettings } from './cluster.ts';

const owner = 'the-key-of-root';
const env = { API_KEYS: keysOf('root:admin'), ...tokenSettings };

/** Two replicas of one cluster. */
async function pair(): Promise<[Asking, Asking]> {
  const { url } = await createCluster('billing');
  return Promise.all([startOn(url, env), startOn(url, env)]);
}

const makeKey = async (api: Asking, more: Body = {}): Promise<Body> =>
  (await api.post(owner, '/keys', { name: 'ci', role: 'reader', namespace: 'billing', ...more }).expect(201)).body;

/**
 * Asks without a pause until a request is refused, and at least until `until` (milliseconds of `performance.now`).
 * Gives the statuses of all answers, and when the last request that was let in was sent.
 */
async function askOn(api: Asking, credential: string, until: () => number) {
  const statuses = new Set<number>();
  let lastLetIn = 0;
  await poll(
    async () => {
      const sentAt = performance.now();
      const { status } = await api.get(credential, '/me');
      statuses.add(status);
      if (status === 200) lastLetIn = sentAt;
      return status !== 200 && sentAt > until();
    },
    { what: 'the credential to be refused', withinMs: 15_000, everyMs: 1 },
  );
  return { statuses, lastLetIn };
}

test('a key that is deleted on one replica is refused on every replica within a second, while requests run', async () => {
  const replicas = await pair();
  const [here, there] = replicas;
  const { id, key } = await makeKey(here);
  let deletedAt = Infinity;
  const asking = [...replicas, ...replicas].map((api) => askOn(api, key, () => deletedAt + 1_000));
  await poll(async () => (await there.get(key, '/me')).status === 200, { what: 'the key to be known' });
  await here.remove(owner, `/keys/${id}`).expect(204);
  deletedAt = performance.now();
  for (const { statuses, lastLetIn } of await Promise.all(asking)) {
    expect([...statuses].sort()).toEqual([200, 401]);
    expect(lastLetIn).toBeLessThan(deletedAt + 1_000);
  }
});

test('a key is refused on every replica from its expiry on', async () => {
  const replicas = await pair();
  const { key } = await makeKey(replicas[0], { expiresAt: new Date(Date.now() + 2_000).toISOString() });
  const expiresAt = performance.now() + 2_000;
  const asked = await Promise.all(replicas.map((api) => askOn(api, key, () => expiresAt)));
  for (const { statuses, lastLetIn } of asked) {
    expect([...statuses].sort()).toEqual([200, 401]);
    expect(lastLetIn).toBeLessThan(expiresAt + 1_000);
  }
});

test('a binding that is deleted on one replica is without effect on every replica within a second', async () => {
  const replicas = await pair();
  const [here, there] = replicas;
  const binding = { subject: 'group:ops', role: 'reader', namespace: 'billing' };
  const { body } = await here.post(owner, '/bindings', binding).expect(201);
  const token = await tokenOf({ sub: 'ann', groups: ['ops'] });
  let deletedAt = Infinity;
  const asking = replicas.map((api) => askOn(api, token, () => deletedAt + 1_000));
  await poll(async () => (await there.get(token, '/me')).status === 200, { what: 'the binding to be known' });
  await here.remove(owner, `/bindings/${body.id}`).expect(204);
  deletedAt = performance.now();
  for (const { statuses, lastLetIn } of await Promise.all(asking)) {
    expect([...statuses].sort()).toEqual([200, 403]);
    expect(lastLetIn).toBeLessThan(deletedAt + 1_000);
  }
});

test('a key is made once where two replicas are asked for its name at the same time', async () => {
  const replicas = await pair();
  const answers = await Promise.all(
    [...replicas, ...replicas].map((api) =>
      api.post(owner, '/keys', { name: 'raced', role: 'reader', namespace: 'billing' }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  const key = answers.find(({ status }) => status === 201)?.body.key;
  for (const api of replicas) await api.get(key, '/me').expect(200);
  expect(await allOf(replicas[1], owner, '/keys')).toHaveLength(1);
});

test('a thousand requests with one key, or with one token, read the database once a second', async () => {
  const { url } = await createCluster('billing');
  const counter = await countStatements(url);
  const api = await startOn(counter.url, env);
  const { key } = await makeKey(api);
  const binding = { subject: 'user:ann', role: 'reader', namespace: 'billing' };
  await api.post(owner, '/bindings', binding).expect(201);
  for (const [credential, statement] of [
    [key, 'find-keys'],
    [await tokenOf({ sub: 'ann', groups: ['a', 'b', 'c'] }), 'find-grants'],
  ] as const) {
    const countNow = () => counter.counts().get(statement) ?? 0;
    const [before, began] = [countNow(), performance.now()];
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (let i = 0; i < 100; i++) expect((await api.get(credential, '/me')).status).toBe(200);
      }),
    );
    const seconds = Math.floor((performance.now() - began) / 1_000);
    expect(countNow() - before).toBeGreaterThan(0);
    expect(countNow() - before).toBeLessThanOrEqual(seconds + 1);
  }
});

test('while the database is away keys of the settings and tokens go on, and keys of the database are 503', async () => {
  const { url } = await createCluster('billing');
  const proxy = await createProxy(url);
  const api = await startOn(proxy.url, env);
  const { key } = await makeKey(api);
  const preview = (credential: string) => api.post(credential, '/ns/default/schedules/preview', { schedule: '@daily' });
  const everywhere = await makeKey(api, { name: 'watch', namespace: '*' });
  await preview(everywhere.key).expect(200);

  for (const [leave, comeBack] of [
    [proxy.pause, proxy.resume],
    [proxy.cut, proxy.restore],
  ] as const) {
    await leave();
    const refused = await poll(
      async () => {
        const answer = await preview(everywhere.key);
        return answer.status !== 200 && answer;
      },
      { what: 'the key to be forgotten' },
    );
    expect([refused.status, refused.body.code]).toEqual([503, 'unavailable']);
    expect(refused.headers['retry-after']).toBe('1');
    await preview(owner).expect(200);
    await preview(await tokenOf({ sub: 'ann', role: 'reader' })).expect(200);
    expect((await preview(await tokenOf({ sub: 'ann' }))).status).toBe(503);
    await preview('wrong').expect(401);
    // A browser that lost its cookie could not end the session any more.
    const answer = await fetch(`${api.url}/auth/logout`, {
      method: 'POST',
      headers: { cookie: 'punctual=some-session', origin: api.url },
    });
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([503, null]);
    await comeBack();
    await poll(async () => (await preview(everywhere.key)).status === 200, { what: 'the key to count again' });
    await api.get(key, '/me').expect(200);
  }
});
