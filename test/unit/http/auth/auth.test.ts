import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  base64url,
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  SignJWT,
} from 'jose';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Clock, systemClock } from '../../../../src/clock.ts';
import { roleAllows, roles } from '../../../../src/domain/access/role.ts';
import { type AuthSettings, createAuth, type Headers } from '../../../../src/http/auth/auth.ts';
import type { Directory } from '../../../../src/http/auth/directory.ts';
import type { Sessions } from '../../../../src/http/auth/sessions.ts';
import { silent } from '../../../silent-log.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const nowSeconds = 1_800_000_000;
const clock: Clock = { ...systemClock, now: () => nowSeconds * 1_000 };

const emptyDirectory: Directory = { keyOf: async () => null, grantsOf: async () => [], forget() {} };
const noSessions: Pick<Sessions, 'idOf' | 'actorOf'> = {
  idOf: () => null,
  actorOf: () => Promise.reject(new Error('there are none')),
};
const createAuthenticator = (settings: AuthSettings, by: Clock, directory = emptyDirectory) =>
  createAuth({
    ...{ settings: () => settings, directory, sessions: noSessions },
    ...{ started: () => true, now: () => by.now(), clock: by, log: silent },
    onKeyUsed() {},
  });
const nothing: AuthSettings = {
  open: false,
  apiKeys: [],
  jwtSecret: null,
  jwtJwksUrl: null,
  jwtIssuer: null,
  jwtAudience: null,
  oidcGroupsClaim: 'groups',
};
const bearer = (credential: string): Headers => ({ authorization: `Bearer ${credential}` });

/** An actor with one role in all namespaces; without a namespace an admin is the owner. */
const accepted = (name: string, role: string) => ({
  ok: true,
  value: {
    name,
    via: /^(key|jwt)/.exec(name)?.[0] ?? 'none',
    grants: [{ role: role === 'admin' ? 'owner' : role, namespace: '*' }],
  },
});
const refused = (reason: string, status: number) => ({
  ok: false,
  errors: expect.objectContaining({ reason, status }),
});
const invalid = refused('invalid', 401);

describe('without any auth setting', () => {
  test('everybody is the owner anonymous', async () => {
    const authenticate = createAuthenticator({ ...nothing, open: true }, clock);
    expect(await authenticate({})).toEqual(accepted('anonymous', 'owner'));
    expect(await authenticate(bearer('whatever'))).toEqual(accepted('anonymous', 'owner'));
  });
});

describe('API keys', () => {
  const apiKeys: AuthSettings['apiKeys'] = [
    { name: 'ci', role: 'operator', sha256: sha256('ci-key'), namespace: null },
    { name: 'board', role: 'reader', sha256: sha256('a.b.c'), namespace: null },
  ];
  const authenticate = createAuthenticator({ ...nothing, apiKeys }, clock);

  test.each<[string, Headers]>([
    ['as a bearer', bearer('ci-key')],
    ['as a bearer in any case', { authorization: 'bEARER   ci-key' }],
    ['in X-Api-Key', { 'x-api-key': 'ci-key' }],
    ['in X-Api-Key beside another scheme', { authorization: 'Basic eDp5', 'x-api-key': 'ci-key' }],
  ])('%s name their actor', async (_, headers) => {
    expect(await authenticate(headers)).toEqual(accepted('key:ci', 'operator'));
  });

  test('may look like a token where no tokens are configured', async () => {
    expect(await authenticate(bearer('a.b.c'))).toEqual(accepted('key:board', 'reader'));
  });

  test.each<[string, Headers]>([
    ['an unknown key', bearer('ci-kez')],
    ['the hash of a key', bearer(sha256('ci-key'))],
    ['the name of a key', { 'x-api-key': 'ci' }],
    ['two keys in one header', { 'x-api-key': ['ci-key', 'ci-key'] }],
    ['a wrong bearer with a right key beside it', { ...bearer('wrong'), 'x-api-key': 'ci-key' }],
  ])('%s is turned away as invalid', async (_, headers) => {
    const result = await authenticate(headers);
    expect(result).toEqual(invalid);
    expect(result.ok || result.errors.headers['www-authenticate']).toBe(
      'Bearer realm="punctual", error="invalid_token", error_description="the API key is not valid"',
    );
    expect(JSON.stringify(result)).not.toContain('ci-ke');
  });

  test.each<[string, Headers]>([
    ['no header', {}],
    ['an empty key', { 'x-api-key': '' }],
    ['an empty bearer', { authorization: 'Bearer ' }],
    ['another scheme', { authorization: 'Basic Y2k6Y2kta2V5' }],
  ])('%s is turned away as missing, with a plain challenge', async (_, headers) => {
    const result = await authenticate(headers);
    expect(result).toEqual(refused('missing', 401));
    expect(result.ok || result.errors.headers).toEqual({ 'www-authenticate': 'Bearer realm="punctual"' });
  });

  test('are refused altogether where only tokens are configured', async () => {
    const onlyTokens = createAuthenticator({ ...nothing, jwtSecret: createSecretKey('s'.repeat(32), 'utf8') }, clock);
    expect(await onlyTokens(bearer('ci-key'))).toEqual(invalid);
    expect(await onlyTokens({ 'x-api-key': 'ci-key' })).toEqual(invalid);
  });
});

type Claims = Record<string, unknown>;
const goodClaims: Claims = { sub: 'alice', role: 'operator', exp: nowSeconds + 60 };

const sign = (claims: Claims, key: CryptoKey | KeyObject, header: JWTHeaderParameters) =>
  new SignJWT(claims).setProtectedHeader(header).sign(key);

/** A token of any header and claims, signed by HMAC or not at all: what jose would not make. */
function forge(header: object, claims: Claims, secret?: string): string {
  const input = [header, claims].map((part) => base64url.encode(JSON.stringify(part))).join('.');
  const signature = secret === undefined ? '' : createHmac('sha256', secret).update(input).digest('base64url');
  return `${input}.${signature}`;
}

describe('tokens signed with the secret', () => {
  const secret = createSecretKey('a secret that is long enough for HS256 and even for HS512, by far', 'utf8');
  const settings: AuthSettings = { ...nothing, jwtSecret: secret };
  const authenticate = createAuthenticator(settings, clock);
  const token = (claims: Claims) => sign(claims, secret, { alg: 'HS256' });

  test('name their actor by sub and role', async () => {
    for (const role of ['reader', 'operator', 'admin'])
      expect(await authenticate(bearer(await token({ ...goodClaims, role })))).toEqual(accepted('jwt:alice', role));
  });

  test.each([
    ['an address', "auth0|ann.o'neill+x@example.org", "jwt:auth0|ann.o'neill+x@example.org"],
    ['letters of the world', 'Zoë Łukasz 李小龙 العربية', 'jwt:Zoë Łukasz 李小龙 العربية'],
    ['the name of a key', 'key:ci', 'jwt:key:ci'],
    ['the name of open mode', 'anonymous', 'jwt:anonymous'],
    ['no sub', undefined, 'jwt: (no sub)'],
  ])('are never taken for another way to sign in: %s', async (_, sub, name) => {
    const claims: Claims = JSON.parse(JSON.stringify({ ...goodClaims, sub }));
    expect(await authenticate(bearer(await token(claims)))).toEqual(accepted(name, 'operator'));
  });

  test('work beside API keys, also for keys with dots in them', async () => {
    const both = createAuthenticator(
      { ...settings, apiKeys: [{ name: 'a', role: 'reader', sha256: sha256('a.b.c'), namespace: null }] },
      clock,
    );
    expect(await both(bearer(await token(goodClaims)))).toEqual(accepted('jwt:alice', 'operator'));
    expect(await both({ 'x-api-key': 'a.b.c' })).toEqual(accepted('key:a', 'reader'));
    expect(await both(bearer('a.b.c'))).toEqual(invalid);
    expect(await both({ 'x-api-key': await token(goodClaims) })).toEqual(invalid);
  });

  test.each([
    ['no exp', { exp: undefined }],
    ['an exp that is text', { exp: '9999999999' }],
    ['an exp 6 s ago', { exp: nowSeconds - 6 }],
    ['an nbf 6 s ahead', { nbf: nowSeconds + 6 }],
    ['a sub that is a number', { sub: 7 }],
    ['a sub with NUL in it', { sub: 'a\u0000b' }],
    ['a sub without end', { sub: 'a'.repeat(257) }],
    ['an empty sub', { sub: '' }],
    ['a line end in its sub', { sub: 'a\u2028b' }],
    ['a sub that turns the direction of writing', { sub: 'nimda\u202e' }],
    ['a sub with a character of no width', { sub: 'al\u200bice' }],
    ['a sub with a soft hyphen', { sub: 'al\u00adice' }],
    ['a sub with a variation selector', { sub: 'alice\ufe0f' }],
    ['a sub with a tag character', { sub: 'alice\u{e0041}' }],
    ['a sub of an invisible letter', { sub: '\u3164' }],
    ['a sub of an empty braille cell', { sub: '\u2800' }],
    ['a sub that begins with a blank', { sub: ' (no sub)' }],
    ['a sub that ends with a blank', { sub: 'alice ' }],
    ['a sub with another blank', { sub: 'al\u00a0ice' }],
    ['a sub that begins with an accent', { sub: '\u0301alice' }],
    ['half a character in its sub', { sub: 'a\ud800' }],
    ['a sub for private use', { sub: 'a\ue000' }],
  ])('with %s are invalid', async (_, change) => {
    const claims: Claims = JSON.parse(JSON.stringify({ ...goodClaims, ...change }));
    expect(await authenticate(bearer(forge({ alg: 'HS256' }, claims, secret.export().toString())))).toEqual(invalid);
  });

  test('are forgiven 5 s of difference between clocks', async () => {
    expect(await authenticate(bearer(await token({ ...goodClaims, exp: nowSeconds - 4 })))).toMatchObject({ ok: true });
    expect(await authenticate(bearer(await token({ ...goodClaims, nbf: nowSeconds + 4 })))).toMatchObject({ ok: true });
  });

  test('say that they have expired, and repeat nothing of themselves', async () => {
    const result = await authenticate(bearer(await token({ ...goodClaims, sub: 'mallory', exp: nowSeconds - 60 })));
    expect(result.ok || result.errors.headers['www-authenticate']).toBe(
      'Bearer realm="punctual", error="invalid_token", error_description="the token has expired"',
    );
    expect(JSON.stringify(result)).not.toContain('mallory');
  });

  test.each([undefined, 'root', 'ADMIN', ['admin'], { admin: true }, null])(
    'with the role %o are known but may do nothing',
    async (role) => {
      const result = await authenticate(bearer(await token({ ...goodClaims, role })));
      expect(result).toEqual(refused('no_role', 403));
      expect(result.ok || result.errors.headers['www-authenticate']).toContain('error="insufficient_scope"');
    },
  );

  test('must have the issuer and audience that are set', async () => {
    const strict = createAuthenticator({ ...settings, jwtIssuer: 'issuer', jwtAudience: 'punctual' }, clock);
    const good = { ...goodClaims, iss: 'issuer', aud: 'punctual' };
    expect(await strict(bearer(await token(good)))).toMatchObject({ ok: true });
    expect(await strict(bearer(await token({ ...good, aud: ['other', 'punctual'] })))).toMatchObject({ ok: true });
    for (const bad of [{ aud: 'other' }, { aud: undefined }, { iss: 'other' }, { iss: undefined }])
      expect(await strict(bearer(await token({ ...good, ...bad })))).toEqual(invalid);
  });

  test.each<[string, () => string | Promise<string>]>([
    ['alg none', () => forge({ alg: 'none' }, goodClaims)],
    ['alg None', () => forge({ alg: 'None' }, goodClaims)],
    ['alg HS256 and no signature', () => forge({ alg: 'HS256' }, goodClaims)],
    ['another secret', () => forge({ alg: 'HS256' }, goodClaims, 'x'.repeat(40))],
    ['alg HS512', () => sign(goodClaims, secret, { alg: 'HS512' })],
    [
      'an HMAC key in the header',
      () =>
        forge(
          { alg: 'HS256', jwk: { kty: 'oct', k: base64url.encode('mine'.repeat(8)) } },
          goodClaims,
          'mine'.repeat(8),
        ),
    ],
    ['a crit header', () => forge({ alg: 'HS256', crit: ['x'], x: 1 }, goodClaims, secret.export().toString())],
    ['no JSON inside', () => 'a.b.c'],
    ['nothing inside', () => '..'],
  ])('with %s are invalid', async (_, make) => {
    expect(await authenticate(bearer(await make()))).toEqual(invalid);
  });

  test('changed after signing are invalid', async () => {
    const [header, , signature] = (await token(goodClaims)).split('.');
    const claims = base64url.encode(JSON.stringify({ ...goodClaims, role: 'admin' }));
    expect(await authenticate(bearer(`${header}.${claims}.${signature}`))).toEqual(invalid);
  });
});

describe('tokens signed with a key of the key set', () => {
  const pairs: Record<string, { publicKey: CryptoKey; privateKey: CryptoKey }> = {};
  const publicKeys: JWK[] = [];
  beforeAll(async () => {
    for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA', 'ES384']) {
      const pair = await generateKeyPair(alg, { extractable: true });
      pairs[alg] = pair;
      publicKeys.push({ ...(await exportJWK(pair.publicKey)), kid: alg, alg, use: 'sig' });
    }
  });
  const pairOf = (alg: string) => {
    const pair = pairs[alg];
    if (pair === undefined) throw new Error(`no key pair for ${alg}`);
    return pair;
  };

  /** A key set on loopback that counts its requests and answers as told. */
  async function serveKeys(answer: { status: number; body: string | null }) {
    const state = { ...answer, requests: 0 };
    const server = createServer((_, response) => {
      state.requests++;
      if (state.body === null) return; // never answers
      response.writeHead(state.status, { 'content-type': 'application/json', location: '/elsewhere' }).end(state.body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const close = async () => {
      server.closeAllConnections();
      if (server.listening) await once(server.close(), 'close');
    };
    onTestFinished(close);
    return { state, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys` };
  }
  /** A clock whose monotonic time passes only when told. */
  function passing(): Clock & { pass(ms: number): void } {
    let at = 0;
    return {
      ...clock,
      monotonic: () => at,
      pass(ms) {
        at += ms;
      },
    };
  }
  const keySet = () => JSON.stringify({ keys: publicKeys });
  async function withKeys(more: Partial<AuthSettings> = {}) {
    const served = await serveKeys({ status: 200, body: keySet() });
    const time = passing();
    return {
      ...served,
      time,
      authenticate: createAuthenticator({ ...nothing, jwtJwksUrl: served.url, ...more }, time),
    };
  }
  const token = (alg: string, claims: Claims = goodClaims, header: Partial<JWTHeaderParameters> = {}) =>
    sign(claims, pairOf(alg).privateKey, { alg, kid: alg, ...header });

  test('of every algorithm allowed name their actor, with one request for the keys', async () => {
    const { authenticate, state } = await withKeys();
    for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA'])
      expect(await authenticate(bearer(await token(alg))), alg).toEqual(accepted('jwt:alice', 'operator'));
    expect(state.requests).toBe(1);
  });

  test('of an algorithm that is not allowed are invalid, though its key is in the set', async () => {
    const { authenticate } = await withKeys();
    expect(await authenticate(bearer(await token('ES384')))).toEqual(invalid);
  });

  test('expired, without exp or for another audience are invalid', async () => {
    const { authenticate } = await withKeys({ jwtAudience: 'punctual' });
    const good = { ...goodClaims, aud: 'punctual' };
    expect(await authenticate(bearer(await token('ES256', good)))).toMatchObject({ ok: true });
    for (const bad of [{ exp: nowSeconds - 60 }, { exp: undefined }, { aud: 'other' }])
      expect(await authenticate(bearer(await token('ES256', { ...good, ...bad })))).toEqual(invalid);
  });

  test('signed by HMAC with the public key as the secret are invalid', async () => {
    const { authenticate } = await withKeys();
    const pem = await exportSPKI(pairOf('RS256').publicKey);
    const modulus = publicKeys.find(({ kid }) => kid === 'RS256')?.n ?? '';
    for (const secret of [pem, pem.trim(), modulus, JSON.stringify(publicKeys[0])])
      expect(await authenticate(bearer(forge({ alg: 'HS256', kid: 'RS256' }, goodClaims, secret)))).toEqual(invalid);
  });

  test('that bring their own key, or say where it is, are invalid and fetch nothing', async () => {
    const { authenticate } = await withKeys();
    const elsewhere = await serveKeys({ status: 200, body: '{}' });
    const mine = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(mine.publicKey);
    elsewhere.state.body = JSON.stringify({ keys: [{ ...jwk, kid: 'mine', alg: 'ES256' }] });
    const kid = await calculateJwkThumbprint(jwk);
    for (const header of [
      { jwk },
      { jwk, kid: 'ES256' },
      { jwk, kid },
      { jku: elsewhere.url, kid: 'mine' },
      { x5u: elsewhere.url },
    ])
      expect(await authenticate(bearer(await sign(goodClaims, mine.privateKey, { alg: 'ES256', ...header })))).toEqual(
        invalid,
      );
    expect(elsewhere.state.requests).toBe(0);
  });

  test('with an unknown kid, alg none or the kid of another key are invalid', async () => {
    const { authenticate, state } = await withKeys();
    const bad = [
      await token('ES256', goodClaims, { kid: 'gone' }),
      await token('RS256', goodClaims, { kid: 'PS256' }),
      forge({ alg: 'none', kid: 'ES256' }, goodClaims),
    ];
    for (let i = 0; i < 20; i++) for (const each of bad) expect(await authenticate(bearer(each))).toEqual(invalid);
    // Unknown ids must not turn into a flood of requests to the issuer.
    expect(state.requests).toBe(1);
  });

  test.each<[string, number, string | null]>([
    ['answers 500', 500, '{}'],
    ['redirects', 302, '{}'],
    ['sends no JSON', 200, '<html>'],
    ['sends no key set', 200, '{"keys":7}'],
    ['never answers', 200, null],
  ])('are neither right nor wrong while the key set %s', async (_, status, body) => {
    const { state, url } = await serveKeys({ status, body });
    const time = passing();
    const authenticate = createAuthenticator({ ...nothing, jwtJwksUrl: url }, time);
    const good = bearer(await token('ES256'));
    const result = await authenticate(good);
    expect(result).toEqual(refused('unavailable', 503));
    expect(result.ok || result.errors.headers).toEqual({ 'retry-after': '5' });
    // Remembered: nobody waits for the same failure again, and the issuer is left in peace.
    Object.assign(state, { status: 200, body: keySet() });
    for (let i = 0; i < 20; i++) expect(await authenticate(good)).toEqual(refused('unavailable', 503));
    expect(state.requests).toBe(1);
    time.pass(5_000);
    expect(await authenticate(good)).toEqual(accepted('jwt:alice', 'operator'));
  });

  test('are checked with the keys from before while new ones cannot be fetched, for six hours', async () => {
    const { authenticate, state, time } = await withKeys();
    const good = bearer(await token('ES256'));
    expect(await authenticate(good)).toEqual(accepted('jwt:alice', 'operator'));
    Object.assign(state, { status: 500, body: '' });
    time.pass(9 * 60_000);
    expect(await authenticate(good)).toEqual(accepted('jwt:alice', 'operator'));
    expect(state.requests).toBe(1);
    time.pass(2 * 60_000);
    for (let i = 0; i < 20; i++) expect(await authenticate(good)).toEqual(accepted('jwt:alice', 'operator'));
    expect(state.requests).toBe(2);
    // What an unknown key is cannot be told now.
    const gone = bearer(await token('ES256', goodClaims, { kid: 'gone' }));
    expect(await authenticate(gone)).toEqual(refused('unavailable', 503));
    // Nobody waits for an issuer that hangs.
    Object.assign(state, { body: null });
    time.pass(10_000);
    expect(await authenticate(good)).toEqual(accepted('jwt:alice', 'operator'));
    time.pass(6 * 3_600_000);
    expect(await authenticate(good)).toEqual(refused('unavailable', 503));
    Object.assign(state, { status: 200, body: keySet() });
    time.pass(5_000);
    expect(await authenticate(good)).toEqual(accepted('jwt:alice', 'operator'));
  });

  test('of a key that is new fetch the key set again, once in half a minute', async () => {
    const { authenticate, state, time } = await withKeys();
    const [first] = publicKeys;
    state.body = JSON.stringify({ keys: [first] });
    const late = bearer(await token('EdDSA'));
    expect(await authenticate(late)).toEqual(invalid);
    state.body = keySet();
    for (let i = 0; i < 20; i++) expect(await authenticate(late)).toEqual(invalid);
    expect(state.requests).toBe(1);
    time.pass(30_000);
    const all = await Promise.all(Array.from({ length: 20 }, () => authenticate(late)));
    expect(all).toEqual(Array(20).fill(accepted('jwt:alice', 'operator')));
    expect(state.requests).toBe(2);
  });

  test('go on with the keys they had while the issuer shows none', async () => {
    const { authenticate, state, time } = await withKeys();
    const good = bearer(await token('ES256'));
    expect(await authenticate(good)).toMatchObject({ ok: true });
    state.body = '{"keys":[]}';
    time.pass(3_600_000);
    expect(await authenticate(good)).toMatchObject({ ok: true });
  });

  test('are not checked with a key set that never ends', async () => {
    const { url } = await serveKeys({ status: 200, body: `{"keys":[],"x":"${'x'.repeat(1 << 20)}"}` });
    expect(await createAuthenticator({ ...nothing, jwtJwksUrl: url }, clock)(bearer(await token('ES256')))).toEqual(
      refused('unavailable', 503),
    );
  });

  test('are neither right nor wrong while nobody listens there; API keys go on working', async () => {
    const { url, close } = await serveKeys({ status: 200, body: '{}' });
    await close();
    const apiKeys: AuthSettings['apiKeys'] = [{ name: 'ci', role: 'admin', sha256: sha256('ci-key'), namespace: null }];
    const authenticate = createAuthenticator({ ...nothing, apiKeys, jwtJwksUrl: url }, clock);
    expect(await authenticate(bearer(await token('ES256')))).toEqual(refused('unavailable', 503));
    expect(await authenticate(bearer('ci-key'))).toEqual(accepted('key:ci', 'admin'));
  });

  test('that no key could make right are invalid even then', async () => {
    const { url } = await serveKeys({ status: 500, body: '' });
    const authenticate = createAuthenticator({ ...nothing, jwtJwksUrl: url }, clock);
    expect(await authenticate(bearer(forge({ alg: 'none' }, goodClaims)))).toEqual(invalid);
    expect(await authenticate(bearer('a.b.c'))).toEqual(invalid);
  });
});

test('each role may do what the ones before it may, and a worker only what workers may', () => {
  const ladder = ['reader', 'operator', 'admin', 'owner'] as const;
  expect(roles).toEqual([...ladder, 'worker']);
  for (const [i, actual] of ladder.entries())
    for (const [j, needed] of ladder.entries()) expect(roleAllows(actual, needed), `${actual} ${needed}`).toBe(i >= j);
  for (const role of roles) {
    expect(roleAllows('worker', role), role).toBe(role === 'worker');
    expect(roleAllows(role, 'worker'), role).toBe(role === 'worker' || role === 'owner');
  }
});
