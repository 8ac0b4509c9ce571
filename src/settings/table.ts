/** The table of all settings, as one schema: name, default, meaning, and how the text of each becomes a value. */

import type { KeyObject } from 'node:crypto';
import type { Static } from 'typebox';
import { type KeyRing, parseKeyRing } from '../domain/secrets/key-ring.ts';
import { ok } from '../errors.ts';
import { choice, count, define, optional, secret, setting } from './definition.ts';
import { basePath, type HostName, hostNames, origins } from './door.ts';
import { redisAddress } from './redis.ts';
import { type RoleBinding, roleBindings } from './role-bindings.ts';
import { signInSettings } from './sign-in.ts';
import {
  type ApiKey,
  addresses,
  apiKeys,
  duration,
  hmacSecret,
  host,
  keySetUrl,
  postgresUrl,
  ratioOrOff,
  size,
  text,
} from './values.ts';

/** Link-local addresses and the metadata services of clouds. */
const metadataTargets =
  '169.254.0.0/16,fe80::/10,fd00:ec2::/32,fd20:ce::254,100.100.100.200,168.63.129.16,192.0.0.192,' +
  'metadata.google.internal,metadata.goog';
/** `private` adds all addresses that are not public to the default, and takes nothing away from it. */
const isPrivate = /(^|[\s,])private([\s,]|$)/i;

const noKeys: readonly ApiKey[] = [];
const noBindings: readonly RoleBinding[] = [];
const noHosts: readonly HostName[] = [];
const noOrigins: readonly string[] = [];
const noRules: readonly string[] = [];
const noSecrets: readonly KeyObject[] = [];
const noWrappingKeys: KeyRing = [];

export const settingTable = {
  host: setting(
    'HOST',
    '127.0.0.1',
    'Address to listen on. Beyond loopback it refuses to start without auth, unless `AUTH=none` says so.',
    host,
  ),
  port: count('PORT', 8080, 0, 65_535, 'Port to listen on; `0` takes any free one.'),
  databaseUrl: secret(
    'DATABASE_URL',
    'Postgres 14 or later; several hosts as `host1,host2`. Absent: the embedded store in `DATA_DIR`, for one replica and without Redis.',
    postgresUrl,
    null,
  ),
  migrationDatabaseUrl: secret(
    'MIGRATION_DATABASE_URL',
    'The connection of the owner of the tables, used for migrations alone; `DATABASE_URL` when absent.',
    postgresUrl,
    null,
  ),
  poolApi: count('POOL_API', 8, 1, 1_000, 'Connections to Postgres for API requests, per replica.'),
  poolClaims: count(
    'POOL_CLAIMS',
    12,
    2,
    1_000,
    'Connections for claims and outcomes; those beyond four are for bursts that are written before they are due.',
  ),
  poolEngine: count('POOL_ENGINE', 3, 2, 1_000, 'Connections for everything else but the lease, which has one.'),
  redisUrl: secret(
    'REDIS_URL',
    'Redis or Valkey 6.2 or later; wanted with `DATABASE_URL`. Also `redis+sentinel://host:26379,host2:26379/master-name` ' +
      'and `redis+cluster://host:6379,host2:6379`; `rediss` for TLS.',
    redisAddress,
    null,
  ),
  dataDir: setting('DATA_DIR', './data', "The embedded store's folder; not used with `DATABASE_URL`.", text),
  auth: define<'none' | null>({
    type: 'string',
    env: 'AUTH',
    description:
      '`none` lets everyone in as owner. Otherwise any of `API_KEYS`, `JWT_SECRET`, `JWT_JWKS_URL` and `OIDC_ISSUER` switches auth on.',
    enum: ['none'],
    absent: null,
  }),
  apiKeys: secret(
    'API_KEYS',
    'List of `name:role:sha256-hex`, each with `:namespace` where it holds in one only (`*`: in all). Roles: `reader`, `operator` (also start, stop, trigger, cancel), `admin`, and `worker`. An `admin` without a namespace is the `owner` of the cluster.',
    apiKeys,
    noKeys,
  ),
  jwtSecret: secret(
    'JWT_SECRET',
    'Secret of HS256 tokens, at least 32 bytes. Their role is in the claim `role`; without it the bindings of `sub` and `OIDC_GROUPS_CLAIM` count.',
    hmacSecret,
    null,
  ),
  jwtJwksUrl: optional(
    'JWT_JWKS_URL',
    'Key set (JWKS) of RS256, PS256, ES256 and EdDSA tokens. Instead of `JWT_SECRET`.',
    keySetUrl,
    null,
  ),
  jwtIssuer: optional('JWT_ISSUER', 'The `iss` that tokens must have.', text, null),
  jwtAudience: optional('JWT_AUDIENCE', 'The `aud` that tokens must have.', text, null),
  roleBindings: optional(
    'ROLE_BINDINGS',
    'Roles of people and groups that are made at the start where they are not there: `group:ops=owner@*,user:ann@example.org=reader@billing`. `*` is all namespaces; only `owner` may also administer the cluster. An entry that is taken away here stays until it is deleted by `DELETE /bindings/{id}`.',
    roleBindings,
    noBindings,
  ),
  ...signInSettings,
  allowedHosts: optional(
    'ALLOWED_HOSTS',
    'Names by which requests may ask for this service, beside loopback names, `HOST` and the address of the connection: `punctual.example,*.svc.cluster.local`. ' +
      'Other `Host` headers are a 421, but for health checks.',
    hostNames,
    noHosts,
  ),
  basePath: setting(
    'BASE_PATH',
    '/',
    'Path below which the API stands, for a proxy that passes paths on as they are. Health and metrics answer without it too.',
    basePath,
  ),
  corsOrigins: optional(
    'CORS_ORIGINS',
    'Origins whose pages may call the API, such as `https://app.example`. No other page may change anything.',
    origins,
    noOrigins,
  ),
  keepAliveTimeoutMs: setting(
    'KEEP_ALIVE_TIMEOUT',
    '72s',
    'How long an idle connection to the API stays open: longer than a proxy in front keeps its own.',
    duration('1s', '1h'),
  ),
  maxConcurrentRuns: count('MAX_CONCURRENT_RUNS', 512, 1, 100_000, 'Attempts at once per replica.'),
  maxConcurrentPerOrigin: define<number | null>({
    type: 'integer',
    env: 'MAX_CONCURRENT_PER_ORIGIN',
    description:
      'Calls at once to one origin (scheme, host and port), so that one that hangs leaves slots to the others; half of `MAX_CONCURRENT_RUNS` when absent.',
    minimum: 1,
    maximum: 100_000,
    absent: null,
  }),
  maxConcurrentRequests: count(
    'MAX_CONCURRENT_REQUESTS',
    256,
    1,
    100_000,
    'API requests worked on at once per replica; more are answered 503, so that they delay nothing that is due. With auth, a quarter is for callers without credentials at most.',
  ),
  maxOpenPolls: count(
    'MAX_OPEN_POLLS',
    10_000,
    1,
    1_000_000,
    'Streams of live events that may be open at once per replica; more are answered 503.',
  ),
  breakerThreshold: setting(
    'BREAKER_THRESHOLD',
    '0.8',
    'An origin is not called for a while when more than this share of at least 20 calls to it timed out or found it unavailable; `off` calls it in any case.',
    ratioOrOff,
  ),
  breakerWindowMs: setting(
    'BREAKER_WINDOW',
    '10s',
    'The time over which those calls are counted.',
    duration('1s', '5m'),
  ),
  breakerCooldownMs: setting(
    'BREAKER_COOLDOWN',
    '5s',
    'After this one call tries whether the origin answers again.',
    duration('100ms', '1h'),
  ),
  shutdownGraceMs: setting(
    'SHUTDOWN_GRACE',
    '25s',
    'How long SIGTERM waits for running attempts.',
    duration('0s', '24h'),
  ),
  leaseTtlMs: setting(
    'LEASE_TTL',
    '10s',
    'A replica silent for this long is dead to the others.',
    duration('1s', '10m'),
  ),
  historyRetentionMs: setting('HISTORY_RETENTION', '30d', 'Finished runs older than this go.', duration('1s', '3650d')),
  auditRetentionMs: setting(
    'AUDIT_RETENTION',
    '365d',
    'Entries of the audit older than this go.',
    duration('1s', '3650d'),
  ),
  logLimit: setting(
    'LOG_LIMIT',
    '1MiB',
    'How much of the log of a run is kept, in bytes or as `64KiB`, `1MiB`: of a longer one the first and the last half of it.',
    size(1_024, 64 * 1_024 * 1_024),
  ),
  statsRetentionMs: setting(
    'STATS_RETENTION',
    '400d',
    'Counts of runs older than this go; finished runs may go earlier.',
    duration('1d', '3650d'),
  ),
  targetDeny: setting(
    'TARGET_DENY',
    metadataTargets,
    'CIDRs and hosts that targets may not reach; the default is link-local and cloud metadata addresses. `private` adds all loopback and private ranges to the default. `none` denies none.',
    // The default denies, and an empty variable is an absent one: an empty list needs a word of its own.
    (input, parsers) => {
      if (input.trim() === 'none') return parsers.addressRules('');
      return parsers.addressRules(isPrivate.test(input) ? `${input},${metadataTargets}` : input);
    },
  ),
  targetAllow: optional(
    'TARGET_ALLOW',
    'CIDRs and hosts that targets may only reach.',
    (input, parsers) => parsers.addressRules(input),
    noRules,
  ),
  targetDnsServers: optional(
    'TARGET_DNS_SERVERS',
    'Name servers for the hosts of targets, as addresses with or without a port. Absent: those of `/etc/resolv.conf`.',
    addresses(8),
    null,
  ),
  targetProxy: secret(
    'TARGET_PROXY',
    'URL of the proxy that targets and hooks are called through, `http://user:password@host:port`, or `env` for what `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say. A target may name another one. The proxy and what is behind it are held to `TARGET_DENY` and `TARGET_ALLOW`.',
    (input, parsers) => (input.trim() === 'env' ? ok('env') : parsers.proxyUrl(input.trim())),
    null,
  ),
  signingSecrets: secret(
    'SIGNING_SECRETS',
    'List of `whsec_…` that calls to targets are signed with (Standard Webhooks), newest first.',
    (input, parsers) => parsers.signingSecrets(input),
    noSecrets,
  ),
  secretsKeys: secret(
    'SECRETS_KEYS',
    'List of keys that the values of secrets are encrypted with, newest first; `openssl rand -base64 32` makes one. Absent: the embedded store makes one in its folder, and with `DATABASE_URL` secrets are switched off.',
    parseKeyRing,
    noWrappingKeys,
  ),
  logLevel: choice('LOG_LEVEL', 'info', '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.', [
    'trace',
    'debug',
    'info',
    'warn',
    'error',
    'fatal',
    'silent',
  ]),
  logFormat: choice('LOG_FORMAT', 'json', '`json`, or `pretty` for people.', ['json', 'pretty']),
  logRuns: choice(
    'LOG_RUNS',
    'failures',
    'Log lines of runs: `none`, `failures` (the end of each that failed, timed out or was lost), or `all` (start and end of each); at most 50 a second, with a count of the rest.',
    ['none', 'failures', 'all'],
  ),
  metricsTaskLabel: choice(
    'METRICS_TASK_LABEL',
    'id',
    '`id`: a series `task_name` for each of the first 1,000 tasks, the rest in `_other`. `none`: all of them in `_other`.',
    ['id', 'none'],
  ),
  metricsAuth: choice(
    'METRICS_AUTH',
    'off',
    '`on` asks for the role `reader` in all namespaces at `/metrics`, which names tasks of every team.',
    ['off', 'on'],
  ),
};

/** The values of all settings. */
export type SettingValues = { [Key in keyof typeof settingTable]: Static<(typeof settingTable)[Key]> };
