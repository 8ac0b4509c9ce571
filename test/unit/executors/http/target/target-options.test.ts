import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { compilePattern } from '../../../../../src/executors/http/target/pattern.ts';
import { readTarget } from '../../../../../src/executors/http/target/target.ts';
import { readTemplatedTarget } from '../../../../../src/executors/http/template/template.ts';
import { selfSigned } from '../self-signed.ts';

const url = 'https://billing.test/report';
const own = selfSigned('billing.test');
const other = selfSigned('other.test');
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsa = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const encrypted = privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  .toString();
const damaged = own.cert.replace(/[\w+/]{8}\n-----END/, 'AAAAAAAA\n-----END').replace(/MII/, 'AAA');

function pointersOf(given: object): string[] {
  const read = readTarget({ url, ...given });
  return read.ok ? [] : read.errors.map(({ pointer }) => pointer.replace('#/target', ''));
}

test.each([
  { redirect: 'follow' },
  { redirect: 'none' },
  { proxy: 'none' },
  { proxy: 'http://proxy.internal:3128' },
  { proxy: 'https://us%40er:p%3Aw@[::1]:3128/' },
  { tls: { ca: own.cert } },
  { tls: { ca: `# a comment\n${own.cert}\n${other.cert}` } },
  { tls: { cert: `${own.cert}${other.cert}`, key: own.key } },
  { tls: { insecure: true, cert: own.cert, key: own.key } },
  { success: { bodyContains: 'OK' } },
  { success: { bodyMatches: '(?i)^ok\\b.*[\\p{L}]{1,200}$' } },
  { success: { json: { pointer: '', equals: null } } },
  { success: { json: { pointer: '/a~1b/~0/0', equals: { a: [1] } } } },
  { bodyType: 'text', body: 'x' },
  { headers: { host: 'virtual.test:8080' } },
  { headers: { host: '[::1]:80' } },
])('%j is kept as it was given', (given) => {
  const read = readTarget({ url, ...given });
  expect(read.ok && read.value).toEqual({
    type: 'http',
    method: 'POST',
    url,
    headers: {},
    successStatus: ['2xx'],
    ...given,
  });
});

test('null stands for absent, and what says nothing is not kept', () => {
  const absent = { redirect: null, proxy: null, tls: null, success: null, bodyType: null };
  for (const given of [absent, { tls: {} }, { tls: { insecure: false, ca: null } }])
    expect(Object.keys((readTarget({ url, ...given }) as { value: object }).value)).toEqual([
      ...['type', 'method', 'url', 'headers', 'successStatus'],
    ]);
});

test.each([
  [{ redirect: 'always' }, ['/redirect']],
  [{ redirect: true }, ['/redirect']],
  [{ proxy: 'ftp://proxy' }, ['/proxy']],
  [{ proxy: 'proxy:3128' }, ['/proxy']],
  [{ proxy: 'http:///user:secret@proxy:3128' }, ['/proxy']],
  [{ proxy: 'http://proxy/path' }, ['/proxy']],
  [{ proxy: 'http://proxy?x' }, ['/proxy']],
  [{ proxy: 'http://proxy#x' }, ['/proxy']],
  [{ proxy: 'http://proxy:0' }, ['/proxy']],
  [{ proxy: 'http://a:b%@proxy' }, ['/proxy']],
  [{ proxy: 'http://a%3Ab@proxy' }, ['/proxy']],
  [{ proxy: 'http://pro\r\nxy' }, ['/proxy']],
  [{ proxy: '' }, ['/proxy']],
  [{ proxy: 7 }, ['/proxy']],
  [{ tls: 'x' }, ['/tls']],
  [{ tls: { ca: 'x' } }, ['/tls/ca']],
  [{ tls: { ca: '' } }, ['/tls/ca']],
  [{ tls: { ca: own.key } }, ['/tls/ca']],
  [{ tls: { ca: `${own.cert}${own.key}` } }, ['/tls/ca']],
  [{ tls: { ca: damaged } }, ['/tls/ca']],
  [{ tls: { cert: own.cert } }, ['/tls/key']],
  [{ tls: { key: own.key } }, ['/tls/cert']],
  [{ tls: { cert: own.cert, key: other.key } }, ['/tls/key']],
  [{ tls: { cert: own.cert, key: rsa } }, ['/tls/key']],
  [{ tls: { cert: own.cert, key: encrypted } }, ['/tls/key']],
  [{ tls: { cert: own.cert, key: own.cert } }, ['/tls/key']],
  [{ tls: { cert: own.key, key: own.key } }, ['/tls/cert']],
  [{ tls: { insecure: true, ca: own.cert } }, ['/tls/insecure']],
  [{ tls: { insecure: 'yes' } }, ['/tls/insecure']],
  [{ tls: { passphrase: 'x' } }, ['/tls/passphrase']],
  [{ url: 'http://billing.test', tls: { insecure: true } }, ['/tls']],
  [{ success: {} }, ['/success']],
  [{ success: 'OK' }, ['/success']],
  [{ success: { bodyContains: 'a', bodyMatches: 'b' } }, ['/success']],
  [{ success: { status: ['2xx'], bodyContains: 'a' } }, ['/success/status']],
  [{ success: { bodyContains: '' } }, ['/success/bodyContains']],
  [{ success: { bodyContains: 'a\0' } }, ['/success/bodyContains']],
  [{ success: { bodyContains: 'a'.repeat(1025) } }, ['/success/bodyContains']],
  [{ success: { bodyMatches: '' } }, ['/success/bodyMatches']],
  [{ success: { bodyMatches: '(' } }, ['/success/bodyMatches']],
  [{ success: { bodyMatches: '(?=a)' } }, ['/success/bodyMatches']],
  [{ success: { bodyMatches: '(a)\\1' } }, ['/success/bodyMatches']],
  [{ success: { bodyMatches: 'a'.repeat(257) } }, ['/success/bodyMatches']],
  [{ success: { bodyMatches: '(a{1000}){1000}' } }, ['/success/bodyMatches']],
  [{ success: { json: { equals: 1 } } }, ['/success/json/pointer']],
  [{ success: { json: { pointer: '/a' } } }, ['/success/json/equals']],
  [{ success: { json: { pointer: 'a', equals: 1 } } }, ['/success/json/pointer']],
  [{ success: { json: { pointer: '/~2', equals: 1 } } }, ['/success/json/pointer']],
  [{ success: { json: { pointer: '/~', equals: 1 } } }, ['/success/json/pointer']],
  [{ success: { json: { pointer: '#/a', equals: 1 } } }, ['/success/json/pointer']],
  [{ success: { json: { pointer: '/a', equals: 'a\0' } } }, ['/success/json/equals']],
  [{ method: 'HEAD', success: { bodyContains: 'a' } }, ['/success']],
])('%j is refused at its member', (given, pointers) => {
  expect(pointersOf(given)).toEqual(pointers);
});

test('a fault repeats no secret', () => {
  const read = readTarget({ url, proxy: 'http://user:hunter2@proxy/path', tls: { cert: own.cert, key: other.key } });
  expect(JSON.stringify(read)).not.toMatch(/hunter2|PRIVATE KEY-----\\n/);
});

test.each([
  'a{1000}'.repeat(36),
  '[a-z]{1,1000}'.repeat(19),
  '(a|b|c){1000}'.repeat(19),
  '(?:(?:a{30}){30}){30}',
  '\\pL{1000}'.repeat(28),
  '[[:alpha:]]{900}[^]a]{900}',
  '\\Qab\\E{900}'.repeat(20),
])('the pattern %s is refused before it costs anything', (pattern) => {
  expect(compilePattern(pattern)).toMatch(/too large|at most 256/);
});

test.each([
  '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}',
  '"status":\\s*"(ok|done)".{0,500}"items"',
  'a{,3}[{2}]\\{1000}',
])('the pattern %s is none too many', (pattern) => {
  expect(compilePattern(pattern)).not.toBeTypeOf('string');
});

test('in a template the body is looked at once it is filled in', () => {
  const base64 = { url, template: true, bodyType: 'base64', body: '{{ runId | base64_encode }}' };
  expect(readTemplatedTarget(base64, '#/target').ok).toBe(true);
  const host = { url, template: true, headers: { host: '{{ task.labels.host }}' } };
  expect(readTemplatedTarget(host, '#/target').ok).toBe(true);
});
