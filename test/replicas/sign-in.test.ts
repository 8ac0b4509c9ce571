import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { poll } from '../poll.ts';
import { createDatabase } from '../services/database.ts';
import { atFileEnd } from '../services/file-end.ts';
import { type InProcessReplica, startInProcess } from '../services/in-process.ts';
import { type Browser, createBrowser } from '../services/openid/browser.ts';
import { type OpenIdProvider, startProvider } from '../services/openid/provider.ts';

const publicUrl = 'https://punctual.example';
/** Two looks at a session that has ended: what a replica remembers is over after a second. */
const withinMs = 1_500;

let provider: OpenIdProvider;
let one: InProcessReplica;
let two: InProcessReplica;
let db: pg.Client;
beforeAll(async () => {
  provider = await startProvider({ redirectUri: `${publicUrl}/auth/callback` });
  provider.setClaims('ann', { email: 'ann@example.org', email_verified: true, groups: ['ops'] });
  provider.nextPerson('ann');
  const database = await createDatabase();
  const env = {
    DATABASE_URL: database.url,
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: provider.clientId,
    OIDC_CLIENT_SECRET: provider.clientSecret,
    OIDC_SCOPES: 'openid email groups offline_access',
    PUBLIC_URL: publicUrl,
  };
  [one, two] = await Promise.all([startInProcess({ env }), startInProcess({ env })]);
  for (const { url } of [one, two])
    await poll(async () => (await fetch(`${url}/readyz`)).status === 200, { what: 'the replica to be ready' });
  db = new pg.Client({ connectionString: database.url });
  await db.connect();
  atFileEnd(() => db.end());
  await bind();
});

const bind = () =>
  db.query(`insert into bindings (id, subject, role, namespace, created_at, created_by)
            values (gen_random_uuid(), 'group:ops', 'owner', '*', now(), 'test')`);
/** Both replicas are one host to it, as behind a balancer. */
const newBrowser = () => createBrowser((url) => (new URL(url).origin === provider.issuer ? 'issuer' : 'replica'));
const statusAt = async (browser: Browser, { url }: InProcessReplica) => (await browser.ask(`${url}/tasks`)).status;
const ended = (browser: Browser, replica: InProcessReplica) =>
  poll(async () => (await statusAt(browser, replica)) === 401, { what: 'the end of the session', withinMs });

test('a sign-in begins on one replica and ends on the other, and works once on both together', async () => {
  const browser = newBrowser();
  const { pathname, search } = await browser.throughIssuer(one.url);
  const pending = new Map(browser.cookies(one.url));
  expect((await browser.ask(`${two.url}${pathname}${search}`)).status).toBe(302);
  expect([await statusAt(browser, one), await statusAt(browser, two)]).toEqual([200, 200]);
  for (const [name, value] of pending) browser.cookies(one.url).set(name, value);
  const again = await browser.ask(`${one.url}${pathname}${search}`);
  expect(again.json()).toMatchObject({ status: 400, detail: expect.stringContaining('works once') });
});

test('a logout on one replica ends the session on the other within a second', async () => {
  const browser = newBrowser();
  await browser.signIn(one.url, two.url);
  const kept = new Map(browser.cookies(one.url));
  expect([await statusAt(browser, one), await statusAt(browser, two)]).toEqual([200, 200]);
  await browser.ask(`${one.url}/auth/logout`, { method: 'POST', headers: { origin: publicUrl } });
  for (const [name, value] of kept) browser.cookies(one.url).set(name, value);
  expect(await statusAt(browser, one)).toBe(401);
  await ended(browser, two);
});

test('two replicas that use a session at once read its groups anew once', async () => {
  const browser = newBrowser();
  await browser.signIn(one.url);
  const before = provider.tokenCalls();
  provider.setClaims('ann', { email: 'ann@example.org', email_verified: true, groups: ['ops', 'new'] });
  await db.query(`update sessions set groups_at = groups_at - interval '16 minutes'`);
  await poll(
    async () => {
      expect(await Promise.all([one, two].map((replica) => statusAt(browser, replica)))).toEqual([200, 200]);
      const { rows } = await db.query(`select groups from sessions order by created_at desc limit 1`);
      return rows[0]?.groups.includes('new') === true;
    },
    { what: 'the new groups' },
  );
  const sessions = (await db.query('select 1 from sessions where groups_at > now() - interval $$1 minute$$')).rowCount;
  expect(provider.tokenCalls() - before).toBe(sessions);
});

test('the end of a binding on one replica ends the session on the other within a second', async () => {
  const browser = newBrowser();
  await browser.signIn(one.url);
  expect([await statusAt(browser, one), await statusAt(browser, two)]).toEqual([200, 200]);
  const { items } = (await browser.ask(`${one.url}/bindings`)).json() as { items: { id: string }[] };
  const gone = await browser.ask(`${one.url}/bindings/${items[0]?.id}`, {
    ...{ method: 'DELETE', headers: { origin: publicUrl } },
  });
  expect(gone.status, gone.body).toBe(204);
  expect(await statusAt(browser, one)).toBe(401);
  await ended(browser, two);
});
