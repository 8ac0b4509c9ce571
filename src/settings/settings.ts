/** Reads the settings: the only reader of the environment. */

import { readPostgresUrl } from '../domain/input/postgres-url.ts';
import { ok, type Result } from '../errors.ts';
import type { Definition, SettingParsers } from './definition.ts';
import { publicUrlWarnings, signInContradictions } from './sign-in.ts';
import { type SettingValues, settingTable } from './table.ts';
import { rawValue, validate } from './validate.ts';
import { isLoopback } from './values.ts';

/** All settings, frozen. Durations in milliseconds; null = not set. */
export type Settings = Readonly<SettingValues> & {
  /** The proxies that targets are called through; null = none. */
  readonly proxies: Readonly<{ http: string | null; https: string | null; none: string }> | null;
  /** No auth is configured: every caller is owner. */
  readonly open: boolean;
  /** Sentences to be logged at start. */
  readonly warnings: readonly string[];
};

/** Each of these switches auth on. */
const switches = ['API_KEYS', 'JWT_SECRET', 'JWT_JWKS_URL', 'OIDC_ISSUER'];
const anySwitch = 'API_KEYS, JWT_SECRET, JWT_JWKS_URL or OIDC_ISSUER';

/** The environment, as `process.env` is. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads all settings, or answers with every fault in them as sentences that can be shown: a secret's value is in none.
 * `readFile` gives a file's text or throws; secrets may come from the file that `NAME_FILE` names.
 */
export function readSettings(
  env: Environment,
  readFile: (path: string) => string,
  parsers: SettingParsers,
): Result<Settings, string[]> {
  const faults: string[] = [];
  const given: Record<string, string | number> = {};
  for (const [key, definition] of Object.entries<Definition>(settingTable)) {
    const found = textOf(definition, env, readFile, faults);
    if (found !== null) given[key] = rawValue(definition, found);
  }
  const { values, faults: invalid } = validate(given, parsers);
  faults.push(...invalid);
  const settings = values as Partial<SettingValues>;
  const isSet = (name: string) => present(env[name]) !== null || present(env[`${name}_FILE`]) !== null;
  const open = !switches.some(isSet);
  faults.push(...contradictions(settings, isSet, open));
  const proxies = proxiesOf(settings.targetProxy ?? null, env, parsers, faults);
  if (faults.length > 0) return { ok: false, errors: faults };
  return ok(
    Object.freeze({
      ...(values as SettingValues),
      proxies,
      open,
      warnings: Object.freeze(warnings(values as SettingValues, open)),
    }),
  );
}

/** The text of one setting, or null when it is absent. */
function textOf(
  { env: name, secret = false }: Definition,
  env: Environment,
  readFile: (path: string) => string,
  faults: string[],
): string | null {
  const direct = present(env[name]);
  const path = secret ? present(env[`${name}_FILE`]) : null;
  if (path === null) return direct;
  if (direct !== null) {
    faults.push(`${name} and ${name}_FILE are both set: keep one of them`);
    return null;
  }
  try {
    // Editors and `echo` end a file with a line break that is no part of the secret.
    const content = present(readFile(path).replace(/[\r\n]+$/, ''));
    if (content === null) faults.push(`${name}_FILE: the file ${JSON.stringify(path)} is empty`);
    return content;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    faults.push(`${name}_FILE: the file ${JSON.stringify(path)} cannot be read (${code})`);
    return null;
  }
}

/**
 * One proxy for all, or the proxies that the environment names as for other programs. Faults of these are added to
 * `faults`.
 */
function proxiesOf(
  targetProxy: string | null,
  env: Environment,
  parsers: SettingParsers,
  faults: string[],
): Settings['proxies'] {
  if (targetProxy === null) return null;
  if (targetProxy !== 'env') return { http: targetProxy, https: targetProxy, none: '' };
  const named = (...names: string[]): string | null => {
    const name = names.flatMap((each) => [each.toLowerCase(), each]).find((each) => present(env[each]) !== null);
    if (name === undefined) return null;
    const given = (env[name] as string).trim();
    // The scheme is often left out.
    const parsed = parsers.proxyUrl(given.includes('://') ? given : `http://${given}`);
    if (parsed.ok) return parsed.value;
    faults.push(...parsed.errors.map((error) => `TARGET_PROXY is env, but ${name} ${error}`));
    return null;
  };
  return {
    http: named('HTTP_PROXY', 'ALL_PROXY'),
    https: named('HTTPS_PROXY', 'ALL_PROXY'),
    none: present(env.no_proxy) ?? present(env.NO_PROXY) ?? '',
  };
}

function present(value: string | undefined): string | null {
  return value === undefined || value.trim() === '' ? null : value;
}

/** The faults of settings that contradict each other. */
function contradictions(settings: Partial<SettingValues>, isSet: (name: string) => boolean, open: boolean): string[] {
  const faults: string[] = [];
  const configured = switches.filter(isSet);
  if (isSet('AUTH') && !open)
    faults.push(
      `AUTH is set together with ${configured.join(' and ')}: drop AUTH to ask for credentials, or the rest to ask for none`,
    );
  if (isSet('JWT_SECRET') && isSet('JWT_JWKS_URL'))
    faults.push('JWT_SECRET and JWT_JWKS_URL are both set: tokens are signed with one or the other, keep that one');
  for (const name of ['JWT_ISSUER', 'JWT_AUDIENCE'])
    if (isSet(name) && !isSet('JWT_SECRET') && !isSet('JWT_JWKS_URL'))
      faults.push(`${name} is set without JWT_SECRET or JWT_JWKS_URL: no token is ever read`);
  faults.push(...signInContradictions(settings, isSet));
  if (isSet('REDIS_URL') && !isSet('DATABASE_URL'))
    faults.push('REDIS_URL is set without DATABASE_URL: the embedded store serves one replica, which needs no Redis');
  for (const name of ['MIGRATION_DATABASE_URL', 'POOL_API', 'POOL_CLAIMS', 'POOL_ENGINE'])
    if (isSet(name) && !isSet('DATABASE_URL'))
      faults.push(`${name} is set without DATABASE_URL: the embedded store has one session and one owner`);
  if (settings.metricsAuth === 'on' && open)
    faults.push(`METRICS_AUTH is on, but no auth is set: set ${anySwitch} too`);
  if (open && settings.allowedHosts?.some(({ name }) => name === '*'))
    faults.push('ALLOWED_HOSTS is *, but no auth is set: any web page could then act here; name the hosts');
  if (settings.host !== undefined && !isLoopback(settings.host) && open && !isSet('AUTH'))
    faults.push(
      `HOST is ${settings.host}, which other machines can reach, and no auth is set: set ${anySwitch} ` +
        'to ask for credentials, or AUTH=none to let everyone in, or HOST=127.0.0.1 to stay on this machine',
    );
  return faults;
}

/** Combinations that are allowed but worth a warning. */
function warnings(settings: SettingValues, open: boolean): string[] {
  const found: string[] = [];
  if (open) found.push(`No auth is set: whoever reaches ${settings.host} is owner. ${anySwitch} asks for credentials.`);
  if (settings.databaseUrl !== null && settings.redisUrl === null)
    found.push(
      'REDIS_URL is not set: replicas are kept off the same occurrence by Postgres alone, which costs speed but no correctness.',
    );
  for (const [name, url] of [
    ['DATABASE_URL', settings.databaseUrl],
    ['MIGRATION_DATABASE_URL', settings.migrationDatabaseUrl],
  ] as const) {
    const read = url === null ? null : readPostgresUrl(url);
    if (read?.ok && read.value.strictMode !== null)
      found.push(
        `sslmode=${read.value.strictMode} in ${name} is taken as verify-full: the server must have a certificate that is valid ` +
          'for its name. no-verify encrypts without asking who it is; uselibpqcompat=true reads the modes as libpq does.',
      );
  }
  if (settings.jwtJwksUrl !== null && (settings.jwtIssuer === null || settings.jwtAudience === null))
    found.push(
      'JWT_ISSUER or JWT_AUDIENCE is not set: a token that the same issuer made for another service is let in too.',
    );
  if (
    settings.jwtJwksUrl?.toLowerCase().startsWith('http:') &&
    !isLoopback(new URL(settings.jwtJwksUrl).hostname.replace(/[[\]]/g, ''))
  )
    found.push('JWT_JWKS_URL is not https: whoever sits on the way to it can make keys that are believed.');
  found.push(...publicUrlWarnings(settings.publicUrl));
  return found;
}
