import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultDeniedTargets, parseAddressRules } from '../../../src/executors/http/filter/address-rules.ts';
import { parseProxy } from '../../../src/executors/http/proxy-choice.ts';
import { parseSigningSecrets } from '../../../src/executors/http/signature.ts';
import type { Definition } from '../../../src/settings/definition.ts';
import { type Environment, readSettings, type Settings } from '../../../src/settings/settings.ts';
import { settingTable } from '../../../src/settings/table.ts';
import { isLoopback } from '../../../src/settings/values.ts';
import { renderSettingsTable, settingsBegin, settingsEnd } from './settings-markdown.ts';

const parsers = { addressRules: parseAddressRules, proxyUrl: parseProxy, signingSecrets: parseSigningSecrets };
const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const keyList = `ci:operator:${sha256('ci-key')}`;

function read(env: Environment, files: Record<string, string> = {}) {
  return readSettings(
    env,
    (path) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
      return content;
    },
    parsers,
  );
}

function settingsOf(env: Environment, files: Record<string, string> = {}): Settings {
  const result = read(env, files);
  if (!result.ok) throw new Error(result.errors.join('\n'));
  return result.value;
}

function faultsOf(env: Environment, files: Record<string, string> = {}): string[] {
  const result = read(env, files);
  return result.ok ? [] : result.errors;
}

describe('an empty environment', () => {
  test('gives the defaults of the contract', () => {
    expect(settingsOf({})).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      databaseUrl: null,
      redisUrl: null,
      dataDir: './data',
      auth: null,
      apiKeys: [],
      jwtSecret: null,
      jwtJwksUrl: null,
      maxConcurrentRuns: 512,
      maxConcurrentPerOrigin: null,
      maxConcurrentRequests: 256,
      maxOpenPolls: 10_000,
      logLimit: 1_048_576,
      shutdownGraceMs: 25_000,
      leaseTtlMs: 10_000,
      historyRetentionMs: 30 * 86_400_000,
      auditRetentionMs: 365 * 86_400_000,
      statsRetentionMs: 400 * 86_400_000,
      targetDeny: [...defaultDeniedTargets],
      targetAllow: [],
      targetDnsServers: null,
      signingSecrets: [],
      secretsKeys: [],
      logLevel: 'info',
      logFormat: 'json',
      metricsTaskLabel: 'id',
      metricsAuth: 'off',
      open: true,
    });
  });

  test('is warned that everybody is admin', () => {
    expect(settingsOf({}).warnings).toEqual([expect.stringMatching(/No auth is set: whoever reaches 127\.0\.0\.1/)]);
  });
});

describe('reading', () => {
  test('an empty or blank variable counts as absent', () => {
    expect(settingsOf({ PORT: '', HOST: '  ', API_KEYS: '', API_KEYS_FILE: '', AUTH: '' })).toMatchObject({
      port: 8080,
      host: '127.0.0.1',
      open: true,
    });
  });

  test('the result is frozen, lists too', () => {
    const settings = settingsOf({ API_KEYS: keyList });
    for (const value of [settings, settings.apiKeys, settings.apiKeys[0], settings.warnings, settings.targetDeny])
      expect(Object.isFrozen(value)).toBe(true);
  });

  test('every fault is listed at once, each naming its variable', () => {
    const faults = faultsOf({
      PORT: '65536',
      HOST: 'not a host',
      DATABASE_URL: 'mysql://localhost/x',
      MAX_CONCURRENT_RUNS: '0',
      MAX_CONCURRENT_PER_ORIGIN: '0',
      MAX_CONCURRENT_REQUESTS: '0',
      SHUTDOWN_GRACE: 'soon',
      LEASE_TTL: '1ms',
      LOG_LEVEL: 'loud',
      LOG_FORMAT: 'xml',
      TARGET_ALLOW: '10.0.0.0/99',
      AUTH: 'basic',
      METRICS_AUTH: 'yes',
    });
    const names = faults.map((fault) => fault.split(/[ :]/)[0]);
    expect(names.sort()).toEqual(
      [
        'AUTH',
        'DATABASE_URL',
        'HOST',
        'LEASE_TTL',
        'LOG_FORMAT',
        'LOG_LEVEL',
        'MAX_CONCURRENT_PER_ORIGIN',
        'MAX_CONCURRENT_REQUESTS',
        'MAX_CONCURRENT_RUNS',
        'METRICS_AUTH',
        'PORT',
        'SHUTDOWN_GRACE',
        'TARGET_ALLOW',
      ].sort(),
    );
    expect(faults).toContain('PORT must be a whole number from 0 to 65535, not "65536"');
    expect(faults).toContain('LOG_FORMAT must be json or pretty, not "xml"');
  });

  test.each([
    ['PORT', '80 '],
    ['PORT', '-1'],
    ['PORT', '0x50'],
    ['PORT', '1e3'],
    ['MAX_CONCURRENT_RUNS', '1.5'],
    ['HOST', '300.1.1.1'],
    ['HOST', 'http://localhost'],
    ['DATABASE_URL', 'postgres://'],
    ['DATABASE_URL', 'localhost:5432'],
    ['HISTORY_RETENTION', '0s'],
    ['METRICS_TASK_LABEL', 'name'],
    ['TARGET_DENY', '10.0.0.0/8,1.2.3/8'],
    ['TARGET_DNS_SERVERS', 'dns.example'],
    ['TARGET_DNS_SERVERS', '10.0.0.2:0'],
    ['TARGET_DNS_SERVERS', '10.0.0.2:65536'],
    ['TARGET_DNS_SERVERS', '10.0.0.2,,10.0.0.3'],
    ['TARGET_DNS_SERVERS', '[10.0.0.2]:53'],
    ['TARGET_DNS_SERVERS', '[fd00::2'],
    ['TARGET_DNS_SERVERS', 'fd00::2%eth0 x'],
    ['TARGET_DNS_SERVERS', '1,2,3,4,5,6,7,8,9'.replace(/\d/g, '10.0.0.$&')],
    ['JWT_JWKS_URL', 'file:///etc/keys.json'],
    ['JWT_JWKS_URL', 'https://me:hush-hush@issuer.example/keys'],
  ])('%s=%s is refused', (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name}\\b`))]);
    expect(faults[0]).not.toContain('hush-hush');
  });

  test.each([
    ['PORT', '0', { port: 0 }],
    ['HOST', '[::1]', { host: '::1' }],
    ['HOST', 'localhost', { host: 'localhost' }],
    [
      'DATABASE_URL',
      'postgresql://u@/db?host=/var/run/postgresql',
      { databaseUrl: 'postgresql://u@/db?host=/var/run/postgresql' },
    ],
    ['SHUTDOWN_GRACE', '1m30s', { shutdownGraceMs: 90_000 }],
    ['TARGET_DENY', 'none', { targetDeny: [] }],
    [
      'TARGET_DENY',
      ' example.com,PRIVATE',
      { targetDeny: expect.arrayContaining(['example.com', '10.0.0.0/8', ...defaultDeniedTargets]) },
    ],
    ['TARGET_DENY', 'private.example', { targetDeny: ['private.example'] }],
    ['TARGET_ALLOW', 'private', { targetAllow: expect.not.arrayContaining(['metadata.goog']) }],
    [
      'TARGET_DNS_SERVERS',
      '10.0.0.2, 10.0.0.3:5353,fd00::2,[fd00::3],[fd00::4]:5353',
      { targetDnsServers: ['10.0.0.2', '10.0.0.3:5353', 'fd00::2', '[fd00::3]', '[fd00::4]:5353'] },
    ],
    ['TARGET_ALLOW', '10.0.0.0/8, Example.com', { targetAllow: ['10.0.0.0/8', 'example.com'] }],
  ])('%s=%s is read', (name, value, expected) => {
    expect(settingsOf({ [name]: value })).toMatchObject(expected);
  });

  test('TARGET_PROXY names one proxy, or has the usual variables read', () => {
    const proxy = 'http://proxy.test:3128';
    expect(settingsOf({}).proxies).toBeNull();
    expect(settingsOf({ HTTP_PROXY: proxy }).proxies).toBeNull();
    expect(settingsOf({ TARGET_PROXY: proxy }).proxies).toEqual({ http: proxy, https: proxy, none: '' });
    expect(settingsOf({ TARGET_PROXY: 'env' }).proxies).toEqual({ http: null, https: null, none: '' });
    expect(
      settingsOf({
        TARGET_PROXY: 'env',
        HTTP_PROXY: 'ignored.test',
        http_proxy: 'proxy.test:1',
        HTTPS_PROXY: proxy,
        NO_PROXY: 'a',
      }).proxies,
    ).toEqual({ http: 'http://proxy.test:1', https: proxy, none: 'a' });
    expect(settingsOf({ TARGET_PROXY: 'env', all_proxy: proxy }).proxies).toMatchObject({ http: proxy, https: proxy });
  });

  test.each([
    [{ TARGET_PROXY: 'socks5://user:hunter2@proxy' }, 'TARGET_PROXY must be'],
    [{ TARGET_PROXY: 'http:///user:hunter2@proxy:3128' }, 'TARGET_PROXY must be'],
    [{ TARGET_PROXY: 'proxy:3128' }, 'TARGET_PROXY must be'],
    [
      { TARGET_PROXY: 'env', HTTPS_PROXY: 'socks5://user:hunter2@proxy' },
      'TARGET_PROXY is env, but HTTPS_PROXY must be',
    ],
  ])('%j is a fault that repeats no password', (env, sentence) => {
    const result = read(env);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.errors).toEqual([expect.stringContaining(sentence)]);
    expect(result.errors[0]).not.toContain('hunter2');
  });

  test('whatever the environment holds, the answer is settings or sentences, and never a throw', () => {
    const names = Object.values<Definition>(settingTable).flatMap(({ env: name }) => [name, `${name}_FILE`]);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.string(), fc.webUrl(), fc.ipV6())), (env) => {
        const result = read(env, { [env.API_KEYS_FILE ?? 'x']: 'y' });
        if (result.ok) return;
        expect(result.errors.length).toBeGreaterThan(0);
        for (const error of result.errors) expect(names.some((name) => error.startsWith(name))).toBe(true);
      }),
    );
  });
});

describe('secrets', () => {
  const webhookSecret = `whsec_${randomBytes(32).toString('base64')}`;

  test('come from the file that NAME_FILE names, without its last line break', () => {
    const settings = settingsOf(
      {
        DATABASE_URL_FILE: '/run/db',
        API_KEYS_FILE: '/run/keys',
        SIGNING_SECRETS_FILE: '/run/signing',
        JWT_SECRET_FILE: '/run/jwt',
      },
      {
        '/run/db': 'postgres://u:p@db/x\n',
        '/run/keys': `${keyList}\nroot:admin:${sha256('root-key')}\n`,
        '/run/signing': `${webhookSecret}\r\n`,
        '/run/jwt': `${'s'.repeat(32)}\n`,
      },
    );
    expect(settings.databaseUrl).toBe('postgres://u:p@db/x');
    expect(settings.apiKeys.map(({ name, role }) => `${name} ${role}`)).toEqual(['ci operator', 'root admin']);
    expect(settings.signingSecrets.map((key) => key.export().toString('base64'))).toEqual([webhookSecret.slice(6)]);
    expect(settings.jwtSecret?.export().toString()).toBe('s'.repeat(32));
    expect(settings.open).toBe(false);
  });

  test('given twice, directly and as a file, are a fault', () => {
    const faults = faultsOf(
      { JWT_SECRET: 's'.repeat(32), JWT_SECRET_FILE: '/run/jwt' },
      { '/run/jwt': 't'.repeat(32) },
    );
    expect(faults).toEqual(['JWT_SECRET and JWT_SECRET_FILE are both set: keep one of them']);
  });

  test('in a missing or empty file are a fault, and never open the service', () => {
    expect(faultsOf({ API_KEYS_FILE: '/run/none' })).toEqual([
      'API_KEYS_FILE: the file "/run/none" cannot be read (ENOENT)',
    ]);
    expect(faultsOf({ API_KEYS_FILE: '/run/empty' }, { '/run/empty': '\n' })).toEqual([
      'API_KEYS_FILE: the file "/run/empty" is empty',
    ]);
    expect(faultsOf({ API_KEYS: ',' })).toEqual(['API_KEYS must hold at least one name:role:sha256-hex']);
  });

  test('are in no fault', () => {
    const hush = 'hush-hush-7f3a';
    const faults = faultsOf({
      DATABASE_URL: `mysql://u:${hush}@db/x`,
      REDIS_URL: `http://u:${hush}@redis`,
      API_KEYS: `${hush},${hush}:admin:${hush},ok:${hush}:${sha256('x')},a:admin:${hush},b:admin:c:${hush}`,
      JWT_SECRET: hush,
      SIGNING_SECRETS: `whsec_${hush},${hush}`,
    });
    expect(faults.length).toBeGreaterThanOrEqual(10);
    expect(faults.join('\n')).not.toContain(hush);
  });

  test('JWT_SECRET counts in bytes and shows nothing when printed', () => {
    expect(faultsOf({ JWT_SECRET: 's'.repeat(31) })).toEqual([expect.stringContaining('at least 32 bytes')]);
    const settings = settingsOf({ JWT_SECRET: 'é'.repeat(16) });
    expect(JSON.stringify(settings)).not.toContain('é');
  });
});

describe('API_KEYS', () => {
  test.each([
    ['a name twice', `a:admin:${sha256('1')},a:reader:${sha256('2')}`, 'entry 2 has a name that an earlier entry has'],
    [
      'a hash twice',
      `a:admin:${sha256('1')},b:reader:${sha256('1').toUpperCase()}`,
      'entry 2 has a hash that an earlier entry has',
    ],
    ['an unknown role', `a:root:${sha256('1')}`, 'entry 1 must have the role reader, operator, admin, owner or worker'],
    ['a bad namespace', `a:admin:${sha256('1')}:Billing`, 'entry 1 must have a namespace'],
    ['an owner of one namespace', `a:owner:${sha256('1')}:billing`, 'entry 1 must not have a namespace'],
    ['a short hash', `a:admin:${sha256('1').slice(1)}`, 'entry 1 must end in the SHA-256'],
    ['a bad name', `-a:admin:${sha256('1')}`, 'entry 1 must have a name'],
    ['two parts', `a:${sha256('1')}`, 'entry 1 must be written name:role:sha256-hex'],
  ])('%s is refused', (_, value, expected) => {
    expect(faultsOf({ API_KEYS: value })).toEqual([expect.stringContaining(expected)]);
  });

  test('hashes are read in either case', () => {
    expect(settingsOf({ API_KEYS: `a:admin:${sha256('1').toUpperCase()}` }).apiKeys).toEqual([
      { name: 'a', role: 'admin', namespace: null, sha256: sha256('1') },
    ]);
  });

  test('the namespace * is all of them, where an admin is no owner', () => {
    const list = `a:admin:${sha256('1')}:*,b:owner:${sha256('2')}:*`;
    expect(settingsOf({ API_KEYS: list }).apiKeys).toMatchObject([{ namespace: '*' }, { namespace: '*' }]);
    const twice = `a:admin:${sha256('1')}:*,a:reader:${sha256('2')}`;
    expect(faultsOf({ API_KEYS: twice })).toEqual(['API_KEYS: entry 2 has a name that an earlier entry has']);
  });

  test('a namespace may follow the hash, and one name may stand for a key in each', () => {
    const list = `ci:admin:${sha256('1')}:billing,ci:reader:${sha256('2')}`;
    expect(settingsOf({ API_KEYS: list }).apiKeys).toMatchObject([{ namespace: 'billing' }, { namespace: null }]);
  });
});

describe('settings that contradict each other', () => {
  test.each(['0.0.0.0', '::', '192.168.1.5', 'scheduler.internal', '::ffff:10.0.0.1'])(
    'HOST=%s without auth is refused, saying what to do',
    (host) => {
      expect(faultsOf({ HOST: host })).toEqual([
        `HOST is ${host}, which other machines can reach, and no auth is set: set API_KEYS, JWT_SECRET, JWT_JWKS_URL or OIDC_ISSUER to ask for credentials, or AUTH=none to let everyone in, or HOST=127.0.0.1 to stay on this machine`,
      ]);
      expect(faultsOf({ HOST: host, AUTH: 'none' })).toEqual([]);
      expect(faultsOf({ HOST: host, API_KEYS: keyList })).toEqual([]);
    },
  );

  test('AUTH=none beyond loopback is warned about', () => {
    const { warnings, open } = settingsOf({ HOST: '0.0.0.0', AUTH: 'none' });
    expect(open).toBe(true);
    expect(warnings).toEqual([expect.stringContaining('whoever reaches 0.0.0.0 is owner')]);
  });

  test.each([
    [{ AUTH: 'none', API_KEYS: keyList }, 'AUTH is set together with API_KEYS'],
    [{ AUTH: 'none', JWT_SECRET: 's'.repeat(32) }, 'AUTH is set together with JWT_SECRET'],
    [
      { JWT_SECRET: 's'.repeat(32), JWT_JWKS_URL: 'https://a.example/keys' },
      'JWT_SECRET and JWT_JWKS_URL are both set',
    ],
    [{ JWT_ISSUER: 'me' }, 'JWT_ISSUER is set without'],
    [{ JWT_AUDIENCE: 'me', API_KEYS: keyList }, 'JWT_AUDIENCE is set without'],
    [{ REDIS_URL: 'redis://localhost' }, 'REDIS_URL is set without DATABASE_URL'],
    [{ METRICS_AUTH: 'on' }, 'METRICS_AUTH is on, but no auth is set'],
  ])('%o is refused', (env: Environment, expected) => {
    expect(faultsOf(env)).toEqual([expect.stringContaining(expected)]);
  });

  test('Postgres without Redis is allowed with a warning', () => {
    const { warnings } = settingsOf({ DATABASE_URL: 'postgres://localhost/x', API_KEYS: keyList });
    expect(warnings).toEqual([expect.stringContaining('REDIS_URL is not set')]);
    const both = {
      DATABASE_URL: 'postgres://localhost/x',
      REDIS_URL: 'rediss://:p@localhost:6380/1',
      API_KEYS: keyList,
    };
    expect(settingsOf(both).warnings).toEqual([]);
  });

  test('a key set that is open to other services or to eavesdroppers is warned about', () => {
    const warningsFor = (url: string, more: Environment = {}) => settingsOf({ JWT_JWKS_URL: url, ...more }).warnings;
    expect(warningsFor('https://a.example/keys')).toEqual([expect.stringContaining('JWT_ISSUER or JWT_AUDIENCE')]);
    const bound = { JWT_ISSUER: 'a', JWT_AUDIENCE: 'b' };
    expect(warningsFor('https://a.example/keys', bound)).toEqual([]);
    expect(warningsFor('http://a.example/keys', bound)).toEqual([expect.stringContaining('not https')]);
    expect(warningsFor('http://[::1]:9/keys', bound)).toEqual([]);
  });
});

test('loopback is told from what only looks like it', () => {
  for (const host of [
    '127.0.0.1',
    '127.8.9.1',
    '::1',
    '0:0:0:0:0:0:0:1',
    'localhost',
    'LOCALHOST.',
    '::ffff:127.0.0.1',
  ])
    expect(isLoopback(host), host).toBe(true);
  for (const host of ['0.0.0.0', '::', '128.0.0.1', 'localhost.example.com', '127.0.0.1.example.com', 'fe80::1'])
    expect(isLoopback(host), host).toBe(false);
});

describe('the table for the README', () => {
  test('has a row for every setting of the contract', () => {
    const table = renderSettingsTable();
    const names = Object.values<Definition>(settingTable).map(({ env: name }) => name);
    expect(table.split('\n')).toHaveLength(names.length + 3);
    for (const name of [
      ...['HOST', 'PORT', 'DATABASE_URL', 'REDIS_URL', 'DATA_DIR', 'AUTH', 'API_KEYS', 'JWT_SECRET', 'JWT_JWKS_URL'],
      ...['JWT_ISSUER', 'JWT_AUDIENCE', 'MAX_CONCURRENT_RUNS', 'SHUTDOWN_GRACE', 'LEASE_TTL', 'HISTORY_RETENTION'],
      ...[
        'TARGET_DENY',
        'TARGET_ALLOW',
        'TARGET_DNS_SERVERS',
        'SIGNING_SECRETS',
        'LOG_LEVEL',
        'LOG_FORMAT',
        'METRICS_TASK_LABEL',
        'METRICS_AUTH',
      ],
    ])
      expect(table).toContain(`| \`${name}\``);
    expect(table).toContain('| `API_KEYS` or `API_KEYS_FILE` | – |');
  });

  test('is what stands in the README; UPDATE_README=1 puts it there', () => {
    const path = new URL('../../../README.md', import.meta.url);
    const readme = readFileSync(path, 'utf8');
    const [before = '', rest = ''] = readme.split(settingsBegin);
    const [inside = '', after] = rest.split(settingsEnd);
    expect(after, `README.md must hold the lines ${settingsBegin} and ${settingsEnd}`).toBeDefined();
    const wanted = `\n\n${renderSettingsTable()}\n`;
    if (process.env.UPDATE_README === '1')
      writeFileSync(path, `${before}${settingsBegin}${wanted}${settingsEnd}${after}`);
    else expect(inside).toBe(wanted);
  });

  test('meanings stand on one line and end in a full stop', () => {
    for (const { description } of Object.values<Definition>(settingTable)) expect(description).toMatch(/^[^\n]+\.$/);
  });
});
