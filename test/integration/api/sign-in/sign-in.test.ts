import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../poll.ts';
import { type Browser, createBrowser } from '../../../services/openid/browser.ts';
import { type OpenIdProvider, startProvider } from '../../../services/openid/provider.ts';
import type { Api } from '../client.ts';
import { publicUrl, startSignInApi } from './start.ts';

let provider: OpenIdProvider;
let api: Api;
let look: Omit<Awaited<ReturnType<typeof startSignInApi>>, 'api'>;
beforeAll(async () => {
  provider = await startProvider({ redirectUri: `${publicUrl}/auth/callback` });
  ({ api, ...look } = await startSignInApi(provider, { OIDC_SCOPES: 'openid email groups offline_access' }));
  await look.bind('group:ops', 'operator');
  await look.bind('user:ann@example.org', 'reader');
  for (const name of ['ann', 'joe', 'eve'])
    provider.setClaims(name, { email: `${name}@example.org`, email_verified: name !== 'eve', groups: ['dev'] });
  provider.setClaims('ann', { email: 'ann@example.org', email_verified: true, groups: ['ops', 'dev'] });
});

async function signedIn(name: string): Promise<Browser> {
  provider.nextPerson(name);
  const browser = createBrowser();
  const answer = await browser.signIn(api.url);
  expect(answer.status, answer.body).toBe(302);
  return browser;
}
const statusOf = async (browser: Browser) => (await browser.ask(`${api.url}/tasks`)).status;
const until = (status: number, browser: Browser) =>
  poll(async () => (await statusOf(browser)) === status, { what: `the session to answer ${status}` });

test('a person has a session with the roles of the person and of the groups', async () => {
  provider.nextPerson('ann');
  const browser = createBrowser();
  const answer = await browser.signIn(api.url);
  expect([answer.status, answer.headers.get('location')], answer.body).toEqual([302, '/']);
  const cookie = answer.headers.getSetCookie().find((each) => each.startsWith('__Host-punctual='));
  expect(cookie).toMatch(/^__Host-punctual=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  expect([...browser.cookies(api.url).keys()]).toEqual(['__Host-punctual']);
  expect(await statusOf(browser)).toBe(200);
  const made = await browser.ask(`${api.url}/tasks`, { method: 'POST', headers: { origin: publicUrl }, body: {} });
  expect(made.json()).toMatchObject({
    code: 'forbidden',
    detail: expect.stringContaining('ann@example.org" is operator'),
  });
  const me = await browser.ask(`${api.url}/me`);
  expect(me.json()).toMatchObject({ subject: 'user:ann@example.org', via: 'session' });
  expect(await look.audit('sign_in')).toMatchObject({ actor: 'user:ann@example.org', via: 'session', namespace: '*' });
  const { rows } = await look.db.query('select hash, refresh_token from sessions');
  expect(JSON.stringify(rows)).not.toContain(browser.cookies(api.url).get('__Host-punctual'));
});

test('the browser goes back to where it came from', async () => {
  provider.nextPerson('ann');
  const browser = createBrowser();
  const back = await browser.throughIssuer(api.url, '/docs/?a=b#c');
  const answer = await browser.ask(`${api.url}${back.pathname}${back.search}`);
  expect(answer.headers.get('location')).toBe('/docs/?a=b#c');
});

test.each(['//evil.example', '/\\evil.example', 'https://evil.example', '/\t/evil', '/..//evil.example'])(
  'it does not go to %j',
  async (returnTo) => {
    const answer = await createBrowser().ask(`${api.url}/auth/login?${new URLSearchParams({ returnTo })}`);
    expect([answer.status, answer.json().code]).toEqual([400, 'malformed']);
  },
);

describe('whoever has no role', () => {
  test('gets a page that says who that is and whom to ask, and no session', async () => {
    provider.nextPerson('joe');
    const browser = createBrowser();
    const back = await browser.throughIssuer(api.url);
    const page = await browser.ask(`${api.url}${back.pathname}${back.search}`, {
      headers: { accept: 'text/html,*/*' },
    });
    expect([page.status, page.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8']);
    expect(page.body).toContain('user:joe@example.org, of group:dev');
    expect(page.body).toContain('ask an owner of this service');
    expect(page.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(browser.cookies(api.url).size).toBe(0);
    expect(await look.audit('sign_in_refused')).toMatchObject({ actor: 'user:joe@example.org', via: 'none' });
  });

  test('gets a problem where it asks for JSON', async () => {
    provider.nextPerson('joe');
    const answer = await createBrowser().signIn(api.url);
    expect(answer.json()).toMatchObject({ status: 403, code: 'no_binding', subject: 'user:joe@example.org' });
  });

  test('with an address that is not verified is refused, whatever role it has', async () => {
    await look.bind('user:eve@example.org', 'owner');
    provider.nextPerson('eve');
    const answer = await createBrowser().signIn(api.url);
    expect(answer.json()).toMatchObject({
      status: 403,
      code: 'forbidden',
      detail: expect.stringContaining('not verified'),
    });
    expect((await look.audit('sign_in_refused')).data).toEqual({ reason: expect.stringContaining('not verified') });
  });
});

describe('a sign-in', () => {
  test('works once', async () => {
    provider.nextPerson('ann');
    const browser = createBrowser();
    const back = await browser.throughIssuer(api.url);
    const pending = new Map(browser.cookies(api.url));
    const url = `${api.url}${back.pathname}${back.search}`;
    expect((await browser.ask(url)).status).toBe(302);
    for (const [name, value] of pending) browser.cookies(api.url).set(name, value);
    const again = await browser.ask(url);
    expect(again.json()).toMatchObject({
      status: 400,
      code: 'malformed',
      detail: expect.stringContaining('works once'),
    });
    expect((await look.audit('sign_in_refused')).data).toEqual({ reason: expect.stringContaining('works once') });
  });

  test('is bound to the browser that began it', async () => {
    provider.nextPerson('ann');
    const back = await createBrowser().throughIssuer(api.url);
    const other = createBrowser();
    await other.throughIssuer(api.url);
    const answer = await other.ask(`${api.url}${back.pathname}${back.search}`);
    expect(answer.json()).toMatchObject({
      status: 400,
      detail: expect.stringContaining('did not begin in this browser'),
    });
    expect((await look.audit('sign_in_refused')).data).toEqual({ reason: expect.stringContaining('in this browser') });
  });

  test.each(['', '?code=a', '?state=short&code=a', '?error=access_denied', `?state=${'a'.repeat(43)}&code=a`])(
    'does not end with %j',
    async (query) => {
      const answer = await createBrowser().ask(`${api.url}/auth/callback${query}`);
      expect([answer.status, answer.json().code]).toEqual([400, 'malformed']);
    },
  );

  test('does not take the code of another one', async () => {
    provider.nextPerson('ann');
    const [victim, thief] = [createBrowser(), createBrowser()];
    const stolen = await victim.throughIssuer(api.url);
    const back = await thief.throughIssuer(api.url);
    back.searchParams.set('code', stolen.searchParams.get('code') ?? '');
    const answer = await thief.ask(`${api.url}${back.pathname}${back.search}`);
    expect(answer.json()).toMatchObject({
      status: 400,
      detail: expect.stringContaining('does not accept this sign-in'),
    });
  });

  test('that the issuer refuses says so, and nothing that it sent', async () => {
    provider.nextPerson('ann');
    const browser = createBrowser();
    const { searchParams } = await browser.throughIssuer(api.url);
    const [state, iss] = [searchParams.get('state') ?? '', provider.issuer];
    const query = new URLSearchParams({ state, iss, error: 'access_denied', error_description: '<b>you</b>' });
    const answer = await browser.ask(`${api.url}/auth/callback?${query}`);
    expect(answer.json()).toMatchObject({ status: 400, detail: 'the issuer refused the sign-in: access_denied' });
  });

  test('may be under way in two tabs', async () => {
    provider.nextPerson('ann');
    const browser = createBrowser();
    const [first, second] = [await browser.throughIssuer(api.url), await browser.throughIssuer(api.url)];
    for (const { pathname, search } of [first, second])
      expect((await browser.ask(`${api.url}${pathname}${search}`)).status).toBe(302);
  });
});

test('while the issuer is away nobody signs in, and sessions go on', async () => {
  const browser = await signedIn('ann');
  const under = createBrowser();
  const callback = await under.throughIssuer(api.url);
  await provider.stop();
  const login = () => createBrowser().ask(`${api.url}/auth/login`);
  const answer = await poll(
    async () => {
      const each = await login();
      return each.status === 503 && each;
    },
    { what: 'a 503' },
  );
  expect(answer.json()).toMatchObject({ code: 'unavailable', detail: 'the issuer cannot be reached right now' });
  expect(answer.headers.get('retry-after')).toBe('5');
  const half = await under.ask(`${api.url}${callback.pathname}${callback.search}`, {
    headers: { accept: 'text/html' },
  });
  expect([half.status, half.headers.get('content-type')]).toEqual([503, 'text/html; charset=utf-8']);
  expect(await statusOf(browser)).toBe(200);
  expect(api.replica.output()).not.toContain(callback.searchParams.get('code'));
  await provider.start();
  await poll(async () => (await login()).status === 302, { what: 'the issuer to be found again' });
});

describe('groups', () => {
  const oldGroups = () => look.db.query(`update sessions set groups_at = groups_at - interval '16 minutes'`);
  const groupsOf = async (subject: string) =>
    (await look.db.query('select groups from sessions where subject = $1', [subject])).rows[0]?.groups;

  test('are read anew with the refresh token, and roles follow them', async () => {
    provider.setClaims('kim', { email: 'kim@example.org', groups: ['dev'] });
    await look.bind('user:kim@example.org', 'reader');
    const browser = await signedIn('kim');
    provider.setClaims('kim', { email: 'kim@example.org', groups: ['ops'] });
    for (const groups of [['ops'], []]) {
      provider.setClaims('kim', { email: 'kim@example.org', groups });
      await oldGroups();
      await poll(
        async () => {
          expect(await statusOf(browser)).toBe(200);
          return JSON.stringify(await groupsOf('user:kim@example.org')) === JSON.stringify(groups);
        },
        { what: 'the new groups' },
      );
    }
  });

  test('stay as they are while the issuer is away', async () => {
    const browser = await signedIn('kim');
    await provider.stop();
    await oldGroups();
    await poll(
      async () => {
        expect(await statusOf(browser)).toBe(200);
        const { rows } = await look.db.query(
          `select 1 from sessions where groups_at between now() - interval '15 minutes' and now() - interval '13 minutes'`,
        );
        return rows.length > 0;
      },
      { what: 'a try to read groups' },
    );
    await provider.start();
    expect(await statusOf(browser)).toBe(200);
  });

  test('that the issuer refuses to tell end the session', async () => {
    const browser = await signedIn('kim');
    provider.revokeAll();
    await oldGroups();
    await until(401, browser);
    expect(await look.audit('sign_out')).toMatchObject({ subject: 'user:kim@example.org', actor: 'scheduler' });
  });
});

test('a session ends with the last role of its person', async () => {
  provider.setClaims('bob', { email: 'bob@example.org', groups: [] });
  const id = await look.bind('user:bob@example.org', 'reader');
  const browser = await signedIn('bob');
  expect(await statusOf(browser)).toBe(200);
  await look.db.query('delete from bindings where id = $1', [id]);
  await until(401, browser);
});

test.each([`used_at = now() - interval '12 hours'`, 'ends_at = now()'])(
  'a session with %s has ended',
  async (change) => {
    const browser = await signedIn('ann');
    expect(await statusOf(browser)).toBe(200);
    await look.db.query(`update sessions set ${change}`);
    await until(401, browser);
  },
);
