import { expect, test } from 'vitest';
import { createProxyChoice } from '../../../../src/executors/http/proxy-choice.ts';

const http = 'http://proxy.test:3128';
const https = 'https://user:pass@secure-proxy.test';

test('each scheme has its proxy, or none', () => {
  const choose = createProxyChoice({ http, https, none: '' });
  expect(choose(new URL('http://a.test'))).toEqual({
    protocol: 'http:',
    hostname: 'proxy.test',
    port: '3128',
    authorization: null,
  });
  expect(choose(new URL('https://a.test'))).toMatchObject({
    ...{ protocol: 'https:', hostname: 'secure-proxy.test', port: '443' },
    authorization: `Basic ${Buffer.from('user:pass').toString('base64')}`,
  });
  expect(createProxyChoice({ http: null, https, none: '' })(new URL('http://a.test'))).toBeNull();
});

test.each([
  ['a.test', 'http://a.test/', true],
  ['a.test', 'http://A.TEST./', true],
  ['a.test', 'https://b.a.test/', true],
  ['.a.test', 'http://b.a.test/', true],
  ['*.a.test', 'http://b.a.test/', true],
  ['.a.test', 'http://a.test/', true],
  ['a.test', 'http://ba.test/', false],
  ['a.test:8080', 'http://a.test:8080/', true],
  ['a.test:8080', 'http://a.test/', false],
  ['a.test:443', 'https://a.test/', true],
  ['x.test, 10.0.0.0/8 y.test', 'http://10.1.2.3/', true],
  ['10.0.0.0/8', 'http://11.1.2.3/', false],
  ['10.1.2.3', 'http://10.1.2.3:99/', true],
  ['::1', 'http://[::1]/', true],
  ['[::1]:80', 'http://[::1]/', true],
  ['fd00::/8', 'http://[fd12::1]/', true],
  ['*', 'http://anything.test/', true],
  ['!!, ,a.test', 'http://a.test/', true],
  ['', 'http://a.test/', false],
])('NO_PROXY %j spares %s: %s', (none, url, isSpared) => {
  expect(createProxyChoice({ http, https, none })(new URL(url)) === null).toBe(isSpared);
});
