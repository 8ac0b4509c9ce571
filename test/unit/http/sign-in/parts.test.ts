import { describe, expect, test } from 'vitest';
import { createSeal } from '../../../../src/domain/access/seal.ts';
import { createCookies } from '../../../../src/http/sign-in/cookies.ts';
import { isSafeUrl } from '../../../../src/http/sign-in/issuer-fetch.ts';
import { readOwnPath } from '../../../../src/http/sign-in/own-path.ts';
import { pageOf, wantsPage } from '../../../../src/http/sign-in/page.ts';
import { openPending, sealPending } from '../../../../src/http/sign-in/pending.ts';
import { personOf } from '../../../../src/http/sign-in/person.ts';
import { isLoopback } from '../../../../src/settings/values.ts';

const random = (bytes: Uint8Array) => void crypto.getRandomValues(bytes);

describe('the path to go to after a sign-in', () => {
  test.each([
    ['/', '/'],
    ['/docs/?a=b#c', '/docs/?a=b#c'],
    ['/tasks/ä b', '/tasks/%C3%A4%20b'],
    ['/a//b', '/a//b'],
    ['/a/../b', '/b'],
    ['/x?u=https://evil.example', '/x?u=https://evil.example'],
  ])('%j is one of this service', (text, path) => {
    expect(readOwnPath(text, '')).toBe(path);
  });

  test.each([
    '',
    'docs',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/a\\b',
    '/\t/evil.example',
    '/\n/evil.example',
    '\t//evil.example',
    '/\u0000',
    '/\u0085/evil.example',
    '/..//evil.example',
    '/.//evil.example',
    '/a/..//evil.example',
    '/%2e%2e//evil.example',
    'https://evil.example/',
    'http:/evil.example',
    'javascript:alert(1)',
    ` /docs`,
    `/${'a'.repeat(2_000)}`,
  ])('%j is none', (text) => {
    expect(readOwnPath(text, '')).toBeNull();
  });

  test('the base path may be part of it, and is taken off', () => {
    expect(readOwnPath('/punctual/docs', '/punctual')).toBe('/docs');
    expect(readOwnPath('/punctual', '/punctual')).toBe('/');
    expect(readOwnPath('/docs', '/punctual')).toBe('/docs');
    expect(readOwnPath('/punctual//evil.example', '/punctual')).toBeNull();
  });
});

describe('claims', () => {
  const names = { userClaim: 'email', groupsClaim: 'groups' };
  test('name a person and the groups, each once', () => {
    const claims = {
      email: 'ann@example.org',
      email_verified: true,
      groups: ['ops', 'ops', '/dev/all', 7, 'a\nb', ''],
    };
    expect(personOf(claims, names)).toEqual({
      ok: true,
      value: { name: 'ann@example.org', groups: ['ops', '/dev/all'] },
    });
    expect(personOf({ sub: 'a|1', groups: 'ops' }, { userClaim: 'sub', groupsClaim: 'groups' })).toEqual({
      ok: true,
      value: { name: 'a|1', groups: ['ops'] },
    });
  });

  test.each([
    [{ email: 'ann@example.org', email_verified: false }, 'not verified'],
    [{ email: 'ann@example.org', email_verified: 'false' }, 'not verified'],
    [{ sub: '1' }, 'gives no claim "email"'],
    [{ email: '' }, 'is not a name'],
    [{ email: 'ann\u202e@example.org' }, 'is not a name'],
    [{ email: 'a'.repeat(300) }, 'is not a name'],
    [{ email: ['ann@example.org'] }, 'gives no claim "email"'],
  ])('%j name nobody', (claims, why) => {
    expect(personOf(claims, names)).toEqual({ ok: false, errors: expect.stringContaining(why) });
  });

  test('an unverified email does not matter where people have another name', () => {
    const claims = { preferred_username: 'ann', email: 'x@y.example', email_verified: false };
    expect(personOf(claims, { ...names, userClaim: 'preferred_username' })).toMatchObject({ ok: true });
  });
});

describe('a sign-in under way', () => {
  const secrets = { state: 'the-state', nonce: 'the-nonce', verifier: 'the-verifier' };
  const pending = { secrets, returnTo: '/docs', endsAt: 1_000 };
  const seal = createSeal('the secret of the cluster', 'sign-in', random);

  test('comes back on another replica, while it is not too old', () => {
    const sealed = sealPending(seal, pending);
    const other = createSeal('the secret of the cluster', 'sign-in', random);
    expect(openPending(other, sealed, 'the-state', 999)).toEqual(pending);
    expect(openPending(other, sealed, 'the-state', 1_000)).toBeNull();
    expect(sealed).not.toContain('verifier');
  });

  test('is refused with another state, another secret or purpose, and after any change', () => {
    const sealed = sealPending(seal, pending);
    expect(openPending(seal, sealed, 'a-state', 0)).toBeNull();
    expect(openPending(createSeal('another secret', 'sign-in', random), sealed, 'the-state', 0)).toBeNull();
    expect(openPending(createSeal('the secret of the cluster', 'x', random), sealed, 'the-state', 0)).toBeNull();
    for (const place of [0, 20, 40, sealed.length - 1]) {
      const changed = `${sealed.slice(0, place)}${sealed[place] === 'A' ? 'B' : 'A'}${sealed.slice(place + 1)}`;
      if (Buffer.from(changed, 'base64url').equals(Buffer.from(sealed, 'base64url'))) continue;
      expect(openPending(seal, changed, 'the-state', 0)).toBeNull();
    }
    for (const text of ['', 'A', 'A'.repeat(60)]) expect(openPending(seal, text, 'the-state', 0)).toBeNull();
  });
});

describe('cookies', () => {
  test('are bound to the host and to TLS where browsers come over TLS', () => {
    expect(createCookies(true).session('the-id')).toBe(
      '__Host-punctual=the-id; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
    expect(createCookies(false).session('the-id')).toBe(
      'punctual=the-id; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax',
    );
    expect(createCookies(true).session(null)).toMatch(/^__Host-punctual=; Max-Age=0; /);
  });

  test('are found by their exact name, each sign-in by its state', () => {
    const cookies = createCookies(false);
    const header = 'a=b; punctual-sign-in-state-aa=one; punctual-sign-in-state-bb=two; xpunctual=y; punctual=the-id';
    expect(cookies.sessionOf(header)).toBe('the-id');
    expect(cookies.signInOf(header, 'state-aa-and-more')).toBe('one');
    expect(cookies.signInOf(header, 'state-cc-and-more')).toBeNull();
    expect(cookies.signInOf(header, '')).toBeNull();
    expect(createCookies(true).sessionOf(header)).toBeNull();
    expect(cookies.sessionOf('punctual=')).toBeNull();
    expect(cookies.sessionOf(undefined)).toBeNull();
  });
});

test('a browser has four sign-ins under way, and forgets the oldest ones', () => {
  const cookies = createCookies(true);
  const names = ['a', 'b', 'c', 'd', 'e'].map((each) => `__Host-punctual-sign-in-${each.repeat(8)}`);
  const begin = (count: number) =>
    cookies
      .beginSignIn(
        [...names.slice(0, count).map((name) => `${name}=x`), '__Host-punctual=y'].join('; '),
        'z'.repeat(43),
        's',
      )
      .map((text) => text.split('; ').slice(0, 2).join('; '));
  const fresh = '__Host-punctual-sign-in-zzzzzzzz=s; Max-Age=600';
  expect(begin(0)).toEqual([fresh]);
  expect(begin(3)).toEqual([fresh]);
  expect(begin(5)).toEqual([fresh, `${names[0]}=; Max-Age=0`, `${names[1]}=; Max-Age=0`]);
});

test.each([
  ['https://issuer.example/token', true],
  ['http://127.0.0.1:9000/token', true],
  ['http://[::1]/token', true],
  ['http://localhost/token', true],
  ['http://issuer.example/token', false],
  ['http://localhost.evil.example/token', false],
  ['http://169.254.169.254/token', false],
  ['file:///etc/passwd', false],
  ['javascript:alert(1)', false],
  ['', false],
])('the issuer may be called at %j: %s', (url, safe) => {
  expect(isSafeUrl(url, isLoopback)).toBe(safe);
});

describe('a problem as a page', () => {
  test('holds nothing that a browser takes for markup', () => {
    const problem = { type: 'x', instance: '/', code: 'no_binding', requestId: 'r"1', status: 403 } as const;
    const page = pageOf({ ...problem, title: 'A & B', detail: `you are <script>alert('x')</script>` }, '/auth/login');
    expect(page).toContain('you are &#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;');
    expect(page).toContain('A &#38; B');
    expect(page).toContain('r&#34;1');
  });

  test.each([
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['application/json, text/html', false],
    ['*/*', false],
    [undefined, false],
    ['TEXT/HTML;q=0.9', true],
  ])('Accept: %s asks for a page: %s', (accept, wanted) => {
    expect(wantsPage(accept)).toBe(wanted);
  });
});
