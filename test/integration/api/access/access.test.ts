import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ownNamespace, roleAnywhere, roleIn } from '../../../../src/domain/access/grants.ts';
import { hashOfKey } from '../../../../src/domain/access/key-text.ts';
import { roleAllows } from '../../../../src/domain/access/role.ts';
import { hashOfId } from '../../../../src/domain/access/session.ts';
import { type Api, type Body, startApi } from '../client.ts';
import {
  type Caller,
  endedByCookie,
  foreign,
  own,
  settings,
  signedIn,
  signedInByCookie,
  stored,
  storedSessions,
  strangers,
} from './credentials.ts';
import { type Access, hidden, routes } from './routes.ts';

let api: Api;
const callers = { known: [] as Caller[], strangers: [] as Caller[], otherPages: [] as Caller[] };
beforeAll(async () => {
  api = await startApi(settings);
  const client = new pg.Client({ connectionString: api.database.url });
  await client.connect();
  await client.query('insert into namespaces (id, created_at, updated_at) select unnest($1::text[]), now(), now()', [
    [own, foreign],
  ]);
  for (const { name, role, namespace, text, isExpired } of [...stored.keys, stored.expired])
    await client.query(
      `insert into keys (id, name, role, namespace, hash, created_at, created_by, expires_at)
       values (gen_random_uuid(), $1, $2, $3, $4, now(), 'test', now() + $5::integer * interval '1 day')`,
      [name, role, namespace, hashOfKey(text), isExpired ? -1 : 1],
    );
  for (const { subject, role, namespace } of stored.bindings)
    await client.query(
      `insert into bindings (id, subject, role, namespace, created_at, created_by)
       values (gen_random_uuid(), $1, $2, $3, now(), 'test')`,
      [subject, role, namespace],
    );
  for (const { id, subject, key, usedAgo, endsIn } of storedSessions)
    await client.query(
      `insert into sessions (hash, subject, key_hash, created_at, used_at, ends_at)
       values ($1, $2, $3, now(), now() - $4 * interval '1 ms', now() + $5 * interval '1 ms')`,
      [hashOfId(id), subject, key && hashOfKey(key), usedAgo, endsIn],
    );
  await client.end();
  const sessions = signedInByCookie();
  callers.known = [...(await signedIn()), ...sessions];
  callers.strangers = [...(await strangers()), ...endedByCookie()];
  const owner = sessions.find(({ grants }) => grants[0]?.role === 'owner') as Caller;
  callers.otherPages = (['foreign', 'untold'] as const).map((page) => ({ ...owner, name: `a page, ${page}`, page }));
});

const published = parse(await readFile(new URL('../../../../openapi.yaml', import.meta.url), 'utf8')).paths as Body;

/** The namespaces that a path may name; null for a path that names none. */
const existing = new Set(['default', own, foreign]);
const asked = [null, ...existing, 'nowhere', '*', '%62illing'];
/** What a session may do is its caller's grants, as with a key: a few namespaces show that. */
const askedOf = ({ session }: Caller) => (session ? [null, own, foreign] : asked);
const unknownId = '01939000-0000-7000-8000-000000000000';

type Answer = { status: number; code: string; detail: string; challenge: string | null };

/** A request that is wrong in every other way: of something unknown, with a query and a body that cannot be read. */
async function ask(route: string, namespace: string | null, caller: Caller, by?: 'HEAD'): Promise<Answer> {
  const { credential } = caller;
  const [method = '', path = ''] = route.split(' ');
  const url = `${api.url}${namespace === null ? '' : `/ns/${namespace}`}${path.replace('/namespaces/{id}', `/namespaces/${own}`).replace(/\{\w+\}/g, unknownId)}?n=1`;
  const answer = await fetch(url, {
    method: by ?? method,
    redirect: 'manual',
    headers: {
      'content-type': 'application/json',
      ...credentialHeaders(caller),
    },
    ...(method !== 'GET' && { body: '{"this is": not JSON' }),
  });
  const text = await answer.text();
  const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json') === true;
  const { code = '', detail = '' } = isProblem && text !== '' ? JSON.parse(text) : {};
  if (credential !== null) expect(text).not.toContain(credential);
  return { status: answer.status, code, detail, challenge: answer.headers.get('www-authenticate') };
}

function credentialHeaders({ credential, session, page }: Caller): Record<string, string> {
  if (credential === null) return {};
  if (!session) return { authorization: `Bearer ${credential}` };
  const cookie = `punctual=${credential}`;
  if (page === 'untold') return { cookie };
  return { cookie, origin: page === 'foreign' ? 'https://elsewhere.example' : api.url };
}

/** Fewer at a time than the service takes of strangers, so that none is refused for that. */
async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let from = 0; from < items.length; from += 48)
    done.push(...(await Promise.all(items.slice(from, from + 48).map(work))));
  return done;
}

/** What the table says: the refusal, or `open` where whatever is wrong with the request, it is not who asks. */
function expected(access: Access, { grants, credential, session }: Caller, namespace: string | null): string {
  const clusterRole = typeof access === 'object' ? access.cluster : null;
  if (access === 'public' && namespace === null) return 'open';
  if (access === 'token') return credential === null || session ? '401 unauthenticated' : '403 forbidden';
  if (grants.length === 0) return '401 unauthenticated';
  if (access === 'public' || (clusterRole !== null && namespace !== null)) return '404 not_found';
  if (typeof access === 'object' && access.hides && roleIn(grants, own) === null) return '404 not_found';
  const choice = namespace === null ? ownNamespace(grants) : { namespace };
  const inside = 'namespace' in choice ? choice.namespace : '';
  const role = clusterRole === null ? roleIn(grants, inside) : roleAnywhere(grants);
  if (role === null || (clusterRole === null && !existing.has(inside))) return '404 not_found';
  const needed = clusterRole ?? access;
  return needed === 'anyone' || roleAllows(role, needed as typeof role) ? 'open' : '403 forbidden';
}

/** An answer as `expected` writes it. */
function verdictOf({ status, code, detail }: Answer): string {
  const isElsewhere = /^namespace |not part of this API/.test(detail);
  const isOpen = status < 500 && ![401, 403].includes(status) && !isElsewhere;
  return isOpen ? 'open' : `${status} ${code}`;
}

test('every call of the contract is in the table, those of a namespace twice', () => {
  const calls = Object.entries<Body>(published).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const listed = Object.entries(routes).flatMap(([route, access]) =>
    access === 'public' || typeof access === 'object' ? [route] : [route, route.replace(' ', ' /ns/{namespace}')],
  );
  expect(calls.sort()).toEqual(listed.sort());
});

test.each(Object.entries(routes))(
  '%s is open to those whom the table names, in each namespace',
  async (route, access) => {
    const cases = callers.known.flatMap((caller) => askedOf(caller).map((namespace) => ({ namespace, caller })));
    const answers = await eachOf(cases, async ({ namespace, caller }) => {
      const answer = await ask(route, namespace, caller);
      const place = namespace === null ? 'in the own namespace' : `in ${namespace}`;
      return {
        answer,
        found: `${caller.name}, ${place}: ${verdictOf(answer)}`,
        wanted: `${caller.name}, ${place}: ${expected(access, caller, namespace)}`,
      };
    });
    expect(answers.map(({ found }) => found)).toEqual(answers.map(({ wanted }) => wanted));
  },
);

test.each(Object.entries(routes))('%s tells strangers nothing but that they are strangers', async (route, access) => {
  const cases = callers.strangers.flatMap((caller) => askedOf(caller).map((namespace) => ({ namespace, caller })));
  await eachOf(cases, async ({ namespace, caller }) => {
    const answer = await ask(route, namespace, caller);
    const what = `${caller.name}, ${namespace}`;
    const wanted = expected(access, caller, namespace);
    expect(`${what}: ${verdictOf(answer)}`).toBe(`${what}: ${wanted}`);
    if (wanted === '401 unauthenticated' && access !== 'token')
      expect(answer.challenge).toMatch(
        caller.credential === null
          ? /^Bearer realm="punctual"$/
          : /^Bearer realm="punctual", error="invalid_token", error_description="[^"]+"$/,
      );
    if (!route.startsWith('GET ')) return;
    expect((await ask(route, namespace, caller, 'HEAD')).status, `HEAD, ${what}`).toBe(answer.status);
  });
});

test('with a session, a page of another origin or of none changes nothing', async () => {
  const calls = Object.entries(routes).filter(([, access]) => access !== 'public' && access !== 'token');
  for (const page of callers.otherPages)
    for (const [route, access] of calls) {
      const wanted = route.startsWith('GET ') ? expected(access, page, null) : '403 cross_site';
      expect([page.name, route, verdictOf(await ask(route, null, page))]).toEqual([page.name, route, wanted]);
    }
});

test('a namespace that the caller has no role in answers as one that is not there', async () => {
  const reader = callers.known.find(({ grants }) => grants[0]?.namespace === own) as Caller;
  const owner = callers.known.find(({ grants }) => grants[0]?.role === 'owner') as Caller;
  const texts = await Promise.all([
    ask('GET /tasks', foreign, reader),
    ask('GET /tasks', 'nowhere', reader),
    ask('GET /tasks', 'nowhere', owner),
  ]);
  const withoutNames = texts.map((text) => ({ ...text, detail: text.detail.replace(/"[^"]*"/, '…') }));
  expect(withoutNames).toEqual(Array(3).fill(withoutNames[0]));
  expect(withoutNames[0]).toMatchObject({ status: 404, detail: 'namespace … does not exist' });
});

test.each([
  '/no/such/route',
  '/ns',
  '/ns/',
  `/ns/${own}`,
  `/ns/${own}/`,
  `/ns/${own}/no/such/route`,
  `/ns/${own}//tasks`,
])('the unknown path %s asks for credentials, and is then a 404', async (path) => {
  const cases = [...callers.strangers, ...callers.known].flatMap((caller) =>
    ['GET', 'POST'].map((method) => ({ caller, method })),
  );
  await eachOf(cases, async ({ caller, method }) => {
    const wanted = caller.grants.length === 0 ? '401 unauthenticated' : '404 not_found';
    expect(verdictOf(await ask(`${method} ${path}`, null, caller)), `${method}, ${caller.name}`).toBe(wanted);
  });
});

test.each(hidden)('%s is open to everybody, also with wrong credentials, and in no namespace', async (route) => {
  for (const caller of [...callers.strangers.slice(0, 2), ...callers.known.slice(0, 1)]) {
    expect((await ask(route, null, caller)).status).toBe(200);
    expect((await ask(route, own, caller)).status).toBe(caller.grants.length === 0 ? 401 : 404);
  }
});

test.each(['/livez', '/metrics', '/cluster', '/openapi.json'])('no namespace has %s, with any method', async (path) => {
  const [owner, stranger] = [callers.known[0] as Caller, callers.strangers[0] as Caller];
  for (const method of ['GET', 'POST', 'OPTIONS']) {
    expect(verdictOf(await ask(`${method} ${path}`, own, owner)), method).toBe('404 not_found');
    expect(verdictOf(await ask(`${method} ${path}`, own, stranger)), method).toBe('401 unauthenticated');
  }
});
