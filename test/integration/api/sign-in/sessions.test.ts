import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../poll.ts';
import { type Browser, createBrowser } from '../../../services/openid/browser.ts';
import { type Api, startApi } from '../client.ts';
import { lookInto } from './start.ts';

const ownerKey = 'the-owners-key';
const readerKey = 'the-readers-key';
const hash = (key: string) => createHash('sha256').update(key).digest('hex');
const settings = { API_KEYS: `boss:admin:${hash(ownerKey)},ann:reader:${hash(readerKey)}` };
const page = 'https://app.example';

let api: Api;
let look: Awaited<ReturnType<typeof lookInto>>;
beforeAll(async () => {
  api = await startApi({ ...settings, CORS_ORIGINS: page });
  look = await lookInto(api.database.url);
});

const exchange = (browser: Browser, key: unknown, url = api.url) =>
  browser.ask(`${url}/auth/session`, { method: 'POST', body: { key } });
async function signedIn(key: string): Promise<Browser> {
  const browser = createBrowser();
  const answer = await exchange(browser, key);
  expect(answer.status, answer.body).toBe(201);
  return browser;
}
const statusOf = async (browser: Browser) => (await browser.ask(`${api.url}/tasks`)).status;
const logout = (browser: Browser, query = '') =>
  browser.ask(`${api.url}/auth/logout${query}`, { method: 'POST', headers: { origin: api.url } });
const asOwner = { authorization: `Bearer ${ownerKey}` };

describe('a key', () => {
  test('is exchanged for a session with its role', async () => {
    const browser = createBrowser();
    const answer = await exchange(browser, readerKey);
    expect(answer.json()).toEqual({ subject: 'key:ann', endsAt: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(answer.headers.get('set-cookie')).toMatch(
      /^punctual=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    expect(await statusOf(browser)).toBe(200);
    const me = await browser.ask(`${api.url}/me`);
    expect(me.json()).toMatchObject({ subject: 'key:ann', via: 'session' });
    const made = await browser.ask(`${api.url}/tasks`, { method: 'POST', headers: { origin: api.url }, body: {} });
    expect(made.json()).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('"key:ann" is reader') });
    expect(await look.audit('sign_in')).toMatchObject({ actor: 'key:ann', via: 'session', data: { with: 'key' } });
  });

  test.each(['', 'the-key-of-nobody', `pk_${'a'.repeat(43)}`, hash(ownerKey)])(
    'that is wrong is not: %j',
    async (key) => {
      const browser = createBrowser();
      const answer = await exchange(browser, key);
      expect(answer.status).toBe(key === '' ? 400 : 401);
      expect(browser.cookies(api.url).size).toBe(0);
      if (key !== '') expect(await look.audit('sign_in_refused')).toMatchObject({ actor: 'anonymous', via: 'none' });
    },
  );

  test('of the database takes its sessions with it', async () => {
    const made = await createBrowser().ask(`${api.url}/keys`, {
      ...{ method: 'POST', headers: asOwner },
      body: { name: 'ci', role: 'operator', namespace: 'default' },
    });
    const { id, key } = made.json() as { id: string; key: string };
    const browser = await signedIn(key);
    expect(await statusOf(browser)).toBe(200);
    await createBrowser().ask(`${api.url}/keys/${id}`, { method: 'DELETE', headers: asOwner });
    expect(await statusOf(browser)).toBe(401);
  });

  test('of the database that expires does so too', async () => {
    const made = await createBrowser().ask(`${api.url}/keys`, {
      ...{ method: 'POST', headers: asOwner },
      body: { name: 'short', role: 'reader', namespace: 'default', expiresAt: '2099-01-01T00:00:00Z' },
    });
    const browser = await signedIn(made.json().key as string);
    expect(await statusOf(browser)).toBe(200);
    await look.db.query(`update keys set expires_at = now() where name = 'short'`);
    await poll(async () => (await statusOf(browser)) === 401, { what: 'the session to end' });
  });
});

describe('a change with a cookie', () => {
  /** The entry of the audit about the last refused attempt at a path, which follows the answer. */
  const refused = (path: string) =>
    poll(
      async () => {
        const entry = await look.audit('access_refused');
        return entry.data?.path === path && entry;
      },
      { what: `the refused attempt at ${path} to be written` },
    );
  const change = (browser: Browser, headers: Record<string, string>) =>
    browser.ask(`${api.url}/tasks/none/stop`, { method: 'POST', headers, body: {} });

  test('needs the origin of this service', async () => {
    const browser = await signedIn(ownerKey);
    expect((await change(browser, { origin: api.url })).status).toBe(404);
    for (const headers of [{}, { origin: 'null' }, { origin: 'https://evil.example' }, { origin: page }]) {
      const answer = await change(browser, headers);
      expect([answer.status, answer.json().code], JSON.stringify(headers)).toEqual([403, 'cross_site']);
    }
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const answer = await browser.ask(`${api.url}/tasks/none`, { method, body: {} });
      expect([answer.status, answer.json().code], method).toEqual([403, 'cross_site']);
    }
  });

  test('that a page of another origin asks for is in the audit, with whose session it was', async () => {
    const browser = await signedIn(readerKey);
    const path = '/tasks/of-a-reader/stop';
    await browser.ask(`${api.url}${path}`, { method: 'POST', body: {} });
    await expect(refused(path)).resolves.toMatchObject({ actor: 'key:ann', via: 'session', data: { status: 403 } });
    await browser.ask(`${api.url}/auth/logout`, { method: 'POST' });
    await expect(refused('/auth/logout')).resolves.toMatchObject({ via: 'none', data: { status: 403 } });
  });

  test('that is no cookie of a session is a 401, as with any wrong credential', async () => {
    const browser = createBrowser();
    browser.cookies(api.url).set('punctual', 'a'.repeat(43));
    expect((await change(browser, {})).status).toBe(401);
    expect(await statusOf(browser)).toBe(401);
  });

  test('that has a key too is a request with that key: programs need no origin', async () => {
    const browser = await signedIn(readerKey);
    expect((await change(browser, asOwner)).status).toBe(404);
    expect((await change(browser, { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await change(browser, { ...asOwner, origin: page })).status).toBe(404);
  });

  test('is never allowed by CORS', async () => {
    const browser = await signedIn(readerKey);
    const answer = await browser.ask(`${api.url}/tasks`, { headers: { origin: page } });
    expect(answer.headers.get('access-control-allow-origin')).toBe(page);
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

describe('a logout', () => {
  test('ends the session at once, and takes the cookie away', async () => {
    const [browser, other] = [await signedIn(readerKey), await signedIn(readerKey)];
    const kept = new Map(browser.cookies(api.url));
    expect(await statusOf(browser)).toBe(200);
    expect((await logout(browser)).status).toBe(204);
    expect(browser.cookies(api.url).size).toBe(0);
    for (const [name, value] of kept) browser.cookies(api.url).set(name, value);
    expect(await statusOf(browser)).toBe(401);
    expect(await statusOf(other)).toBe(200);
    expect(await look.audit('sign_out')).toMatchObject({ actor: 'key:ann', via: 'session', data: { all: false } });
  });

  test('with all=true ends all sessions of the same key', async () => {
    const [browser, other, owner] = [await signedIn(readerKey), await signedIn(readerKey), await signedIn(ownerKey)];
    expect((await logout(browser, '?all=true')).status).toBe(204);
    expect([await statusOf(other), await statusOf(owner)]).toEqual([401, 200]);
  });

  test('needs the origin of this service, but no session', async () => {
    const browser = await signedIn(readerKey);
    const answer = await browser.ask(`${api.url}/auth/logout`, { method: 'POST' });
    expect([answer.status, answer.json().code]).toEqual([403, 'cross_site']);
    expect(await statusOf(browser)).toBe(200);
    expect((await logout(createBrowser(), '?all=true')).status).toBe(204);
  });
});

test('behind a proxy with TLS the origin is that of PUBLIC_URL, whatever the host is', async () => {
  const proxied = await startApi({ ...settings, PUBLIC_URL: 'https://a.example/punctual', BASE_PATH: '/punctual' });
  const url = `${proxied.url}/punctual`;
  const browser = createBrowser();
  const answer = await exchange(browser, ownerKey, url);
  expect(answer.headers.get('set-cookie')).toMatch(
    /^__Host-punctual=[\w-]{43}; .*; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  );
  const stop = (origin: string) =>
    browser.ask(`${url}/tasks/none/stop`, {
      method: 'POST',
      headers: { origin, 'sec-fetch-site': 'same-origin' },
      body: {},
    });
  expect((await stop('https://a.example')).status).toBe(404);
  expect((await stop(proxied.url)).status).toBe(403);
  expect((await stop('http://a.example')).status).toBe(403);
  const byName = await fetch(`${url}/livez`, { headers: { host: 'a.example' } });
  expect(byName.status).toBe(200);
});

test('without auth there are no sessions, and without an issuer nobody signs in with one', async () => {
  const open = await startApi();
  expect((await exchange(createBrowser(), ownerKey, open.url)).status).toBe(404);
  for (const url of [open.url, api.url])
    for (const path of ['/auth/login', '/auth/callback?state=a&code=b'])
      expect((await createBrowser().ask(`${url}${path}`)).json()).toMatchObject({ status: 404, code: 'not_found' });
});
