import { describe, expect, test } from 'vitest';
import { createPlaces } from '../../../../src/http/door/places.ts';
import { readTarget, withBase, withoutBase } from '../../../../src/http/origin/base-path.ts';
import { corsHeaders, isCrossSite } from '../../../../src/http/origin/origins.ts';
import { createHostCheck } from '../../../../src/http/origin/own-hosts.ts';
import { basePath, hostNames, origins } from '../../../../src/settings/door.ts';
import { isLoopback } from '../../../../src/settings/values.ts';

function verdicts(host: string, allowed = '', publicUrl: string | null = null) {
  const read = allowed === '' ? { ok: true as const, value: [] } : hostNames(allowed);
  if (!read.ok) throw new Error('not a list of hosts');
  const check = createHostCheck({ host, allowedHosts: read.value, publicUrl, isLoopback });
  return (hosts: string | string[], more: { target?: string; localAddress?: string; needsHost?: boolean } = {}) =>
    check({ hosts: [hosts].flat(), target: null, localAddress: '127.0.0.1', needsHost: true, ...more });
}

describe('a host', () => {
  const onLoopback = verdicts('127.0.0.1');

  test.each([
    'localhost',
    'localhost:8080',
    'LOCALHOST',
    'localhost.',
    'localhost.:80',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.1.2.3',
    '[::1]',
    '[::1]:8080',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    'localhost:',
  ])('%s is ours', (host) => expect(onLoopback(host)).toBe('own'));

  test.each([
    'evil.example',
    'localhost.evil.example',
    'evil-localhost',
    'foo.localhost',
    '10.0.0.1',
    '0x7f.1',
    '2130706433',
    '127.1',
    '0.0.0.0',
    '[::]',
    '[fe80::1]',
    'localhost.localdomain',
    '127.0.0.1.nip.io',
    '169.254.169.254',
  ])('%s is somebody else’s', (host) => expect(onLoopback(host)).toBe('foreign'));

  test.each([
    '',
    ' ',
    'a b',
    'localhost:99999',
    'localhost:http',
    'user@localhost',
    'localhost/x',
    '[::1',
    '::1',
    '[::zz]',
    'a..b',
    '.',
    'localhost,evil',
    '[127.0.0.1]',
    'local\u00e9',
  ])('%j is none', (host) => expect(onLoopback(host)).toBe('malformed'));

  test('twice or missing is malformed, but HTTP/1.0 needs none', () => {
    expect(onLoopback(['localhost', 'localhost'])).toBe('malformed');
    expect(onLoopback([])).toBe('malformed');
    expect(onLoopback([], { needsHost: false })).toBe('own');
    expect(onLoopback(['evil.example'], { needsHost: false })).toBe('foreign');
  });

  test('in the request target counts besides the header', () => {
    expect(onLoopback('localhost', { target: 'localhost:8080' })).toBe('own');
    expect(onLoopback('localhost', { target: 'evil.example' })).toBe('foreign');
    expect(onLoopback('evil.example', { target: 'localhost' })).toBe('foreign');
    expect(onLoopback('localhost', { target: 'me@localhost' })).toBe('malformed');
  });

  test('is ours when HOST names it, or the connection came by it', () => {
    expect(verdicts('scheduler.internal')('Scheduler.Internal:80')).toBe('own');
    expect(verdicts('fd00::5')('[fd00:0::5]:8080')).toBe('own');
    expect(verdicts('0.0.0.0')('10.1.2.3:8080', { localAddress: '10.1.2.3' })).toBe('own');
    expect(verdicts('::')('10.1.2.3', { localAddress: '::ffff:10.1.2.3' })).toBe('own');
    expect(verdicts('::')('[fd00::9]', { localAddress: 'fd00::9' })).toBe('own');
    expect(verdicts('0.0.0.0')('10.1.2.4', { localAddress: '10.1.2.3' })).toBe('foreign');
    expect(verdicts('0.0.0.0')('punctual', { localAddress: '10.1.2.3' })).toBe('foreign');
  });

  test('is ours when ALLOWED_HOSTS lists it', () => {
    const check = verdicts('0.0.0.0', 'Punctual.Example. , *.cluster.local,10.0.0.5:8443 [fd00::1]');
    for (const host of [
      'punctual.example',
      'punctual.example:444',
      'a.b.cluster.local',
      '10.0.0.5:8443',
      '[fd00::1]:1',
    ])
      expect(check(host), host).toBe('own');
    for (const host of ['cluster.local', 'evilcluster.local', '10.0.0.5', '10.0.0.5:80', 'x.punctual.example'])
      expect(check(host), host).toBe('foreign');
    expect(verdicts('0.0.0.0', '*')('anything.example')).toBe('own');
  });
});

describe('a page', () => {
  const cors = new Set(['https://app.example']);
  const asks = (origin?: string, site?: string, host = '127.0.0.1:8080', method = 'POST') =>
    isCrossSite({ method, origin, site, host }, cors);

  test('that is none, or our own, may act', () => {
    expect(asks()).toBe(false);
    expect(asks('http://127.0.0.1:8080', 'same-origin')).toBe(false);
    expect(asks('http://127.0.0.1:8080')).toBe(false);
    expect(asks(undefined, 'none')).toBe(false);
    expect(asks('https://punctual.example', 'same-origin', 'punctual.example')).toBe(false);
    expect(asks('https://punctual.example', 'same-origin', 'Punctual.Example:443')).toBe(false);
    expect(asks('http://[::1]:8080', 'same-origin', '[::1]:8080')).toBe(false);
  });

  test.each([
    ['null', undefined],
    ['http://evil.example', undefined],
    ['http://127.0.0.1:3000', undefined],
    ['http://127.0.0.1', undefined],
    ['http://localhost:8080', undefined],
    ['https://127.0.0.1:8080.evil.example', undefined],
    ['file://', undefined],
    ['', undefined],
    ['http://127.0.0.1:8080', 'cross-site'],
    ['http://127.0.0.1:8080', 'same-site'],
    [undefined, 'cross-site'],
    [undefined, 'same-site'],
    [undefined, 'nonsense'],
    [undefined, ''],
    ['http://evil.example', 'same-origin'],
    ['http://127.0.0.1:8080, http://evil.example', undefined],
    ['https://app.example.evil', 'cross-site'],
    ['http://app.example', 'cross-site'],
  ])('of the origin %j, by the browser %j, may not', (origin, site) => expect(asks(origin, site)).toBe(true));

  test('may read what it likes, and act when CORS_ORIGINS has it', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      expect(asks('null', 'cross-site', 'localhost', method)).toBe(false);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'])
      expect(asks('null', 'cross-site', 'localhost', method)).toBe(true);
    expect(asks('https://app.example', 'cross-site')).toBe(false);
  });

  test('of CORS_ORIGINS is told so, others are not, and never with credentials', () => {
    expect(corsHeaders('https://app.example', false, new Set())).toEqual({});
    expect(corsHeaders('https://evil.example', true, cors)).toEqual({ vary: 'Origin' });
    const answer = corsHeaders('https://app.example', false, cors);
    expect(answer).toMatchObject({ vary: 'Origin', 'access-control-allow-origin': 'https://app.example' });
    expect(answer['access-control-expose-headers']).toMatch(/ETag.*Location.*Link.*Retry-After/);
    const preflight = corsHeaders('https://app.example', true, cors);
    expect(preflight['access-control-allow-methods']).toContain('DELETE');
    expect(preflight['access-control-allow-headers']).toContain('authorization');
    for (const headers of [answer, preflight]) expect(headers).not.toHaveProperty('access-control-allow-credentials');
  });
});

test('paths lose the base path and links get it', () => {
  expect(withoutBase('/x/tasks?a=1', '/x')).toBe('/tasks?a=1');
  expect(withoutBase('/x', '/x')).toBe('/');
  expect(withoutBase('/x?a', '/x')).toBe('/?a');
  expect(withoutBase('/x/', '/x')).toBe('/');
  for (const path of ['/tasks', '/xy/tasks', '/', '/X/tasks', '//x/tasks'])
    expect(withoutBase(path, '/x'), path).toBe('/outside/of/the/base/path');
  for (const path of ['/livez', '/readyz', '/healthz?v', '/metrics', '/x/livez'])
    expect(withoutBase(path, '/x'), path).toMatch(/^\/(livez|readyz|healthz\?v|metrics)$/);
  expect(withBase('/runs/1', '/x')).toBe('/x/runs/1');
  expect(withBase('</tasks?cursor=a>; rel="next"', '/x')).toBe('</x/tasks?cursor=a>; rel="next"');
  expect(withBase('https://elsewhere.example/', '/x')).toBe('https://elsewhere.example/');
  expect(readTarget('http://h:1/a?b')).toEqual({ authority: 'h:1', path: '/a?b' });
  expect(readTarget('HTTP://h?b')).toEqual({ authority: 'h', path: '/?b' });
  expect(readTarget('/a?http://h/')).toEqual({ authority: null, path: '/a?http://h/' });
});

describe('the settings', () => {
  test.each(['http://a', 'a/b', 'a b.', '-a', '*', 'a:0', 'a:99999', '[::1', '*.*.a', '1.2.3', 'x'.repeat(300), ','])(
    'ALLOWED_HOSTS=%s',
    (text) => expect(hostNames(text).ok).toBe(['a b.', '*'].includes(text)),
  );
  test.each([
    ['/', ''],
    ['/a', '/a'],
    ['/a/', '/a'],
    ['/a/b-c_d.~', '/a/b-c_d.~'],
    ['a', null],
    ['/a b', null],
    ['/a//b', null],
    ['/../a', null],
    ['/.', null],
    ['http://x/a', null],
    ['/a?b', null],
    ['/a%20', null],
  ])('BASE_PATH=%s', (text, value) => {
    const read = basePath(text);
    expect(read.ok ? read.value : null).toBe(value);
  });
  test.each([
    ['https://App.example', ['https://app.example']],
    ['https://a.example:443/, http://b:3000', ['https://a.example', 'http://b:3000']],
    ['*', null],
    ['null', null],
    ['a.example', null],
    ['https://a.example/x', null],
    ['https://*.example', null],
    ['https://u@a.example', null],
    ['ftp://a', null],
    ['https://a?b', null],
    ['https://', null],
  ])('CORS_ORIGINS=%s', (text, value) => {
    const read = origins(text);
    expect(read.ok ? read.value : null).toEqual(value);
  });
});

test('places come back once, and some are kept for those with credentials', () => {
  let now = 0;
  const places = createPlaces(8, false, () => now);
  const strangers = [places.take(false), places.take(false)];
  expect(places.take(false)).toBeNull();
  const known = Array.from({ length: 6 }, () => places.take(true));
  expect(known.every((each) => each !== null)).toBe(true);
  expect(places.take(true)).toBeNull();
  now = 5_000;
  expect(places.stuckForMs()).toBe(5_000);
  strangers[0]?.();
  strangers[0]?.();
  expect(places.stuckForMs()).toBe(0);
  expect(places.take(true)).not.toBeNull();
  expect(places.take(true)).toBeNull();
  const open = createPlaces(2, true, () => now);
  expect([open.take(false), open.take(false), open.take(false)].map((each) => each !== null)).toEqual([
    true,
    true,
    false,
  ]);
});
