import { createHash } from 'node:crypto';
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { atFileEnd } from '../../../services/file-end.ts';
import { createBrowser } from '../../../services/openid/browser.ts';
import { type OpenIdProvider, startProvider } from '../../../services/openid/provider.ts';
import { type Api, startApi } from '../client.ts';

const publicUrl = 'https://punctual.example';
const ownerKey = 'the-owners-key';
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

let provider: OpenIdProvider;
let api: Api;
let db: pg.Client;
beforeAll(async () => {
  provider = await startProvider({ redirectUri: `${publicUrl}/auth/callback` });
  api = await startApi({
    OIDC_ISSUER: provider.issuer,
    OIDC_CLIENT_ID: provider.clientId,
    OIDC_CLIENT_SECRET: provider.clientSecret,
    OIDC_SCOPES: 'openid profile email groups offline_access',
    PUBLIC_URL: publicUrl,
    API_KEYS: `boss:admin:${hash(ownerKey)}`,
  });
  db = new pg.Client({ connectionString: api.database.url });
  await db.connect();
  atFileEnd(() => db.end());
  await bind('group:ops', 'operator');
  await bind('user:ann@example.org', 'reader');
  provider.setClaims('ann', { email: 'ann@example.org', email_verified: true, groups: ['ops', 'dev'] });
  provider.setClaims('joe', { email: 'joe@example.org', email_verified: true, groups: ['dev'] });
});

function bind(subject: string, role: string, namespace = '*') {
  return db.query(
    `insert into bindings (id, subject, role, namespace, created_at, created_by)
     values (gen_random_uuid(), $1, $2, $3, now(), 'test')`,
    [subject, role, namespace],
  );
}

async function audit(type: string) {
  const { rows } = await db.query('select * from audit where type = $1 order by id desc limit 1', [type]);
  return rows[0];
}

describe('a person who signs in', () => {
  test('has a session with the roles of the person and of the groups', async () => {
    provider.nextPerson('ann');
    const browser = createBrowser();
    const answer = await browser.signIn(api.url);
    expect([answer.status, answer.headers.get('location')], answer.body).toEqual([302, '/']);
    const cookie = answer.headers.getSetCookie().find((each) => each.startsWith('__Host-punctual='));
    expect(cookie).toMatch(/^__Host-punctual=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    expect([...browser.cookies(api.url).keys()]).toEqual(['__Host-punctual']);
    expect((await browser.ask(`${api.url}/tasks`)).status).toBe(200);
    const made = await browser.ask(`${api.url}/tasks`, { method: 'POST', headers: { origin: publicUrl }, body: {} });
    expect(made.json()).toMatchObject({
      status: 403,
      code: 'forbidden',
      detail: expect.stringContaining('"user:ann@example.org" is operator'),
    });
    expect(await audit('sign_in')).toMatchObject({ actor: 'user:ann@example.org', via: 'session', namespace: '*' });
  });
});
