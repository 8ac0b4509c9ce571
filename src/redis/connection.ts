/** Connects to Redis so that a dead server costs time-outs, never a queue of waiting calls. */

import { Cluster, Redis } from 'ioredis';
import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../observability/log.ts';
import type { RedisAddress } from '../settings/redis.ts';

export type RedisConnection = {
  redis: Redis | Cluster;
  /** Whether keys of one call have to share a slot. */
  clustered: boolean;
  /**
   * Whether the server can be used right now: there is a connection, and no watched command is refused. With `what`,
   * only that command counts.
   */
  up(what?: string): boolean;
  /** The prefix of every key and channel. */
  prefix: string;
  /**
   * Calls `ask` after each connect and every few seconds, to see whether a needed command is allowed. While it is
   * refused (the user has no right, or the server is a read-only replica), the server counts as unavailable.
   */
  watch(what: string, ask: () => Promise<unknown>): void;
  close(): void;
};

/** How long one command may take, in milliseconds: a slow lock server must not make occurrences late. */
const commandTimeoutMs = 250;
/** A connection without any answer for this long after a command counts as dead, in milliseconds. */
const silenceMs = 1_000;
const connectTimeoutMs = 2_000;

/** Commands do not wait for a connection and are not sent again: by then the caller has gone on without the lock. */
const common = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 1,
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  socketTimeout: silenceMs,
};

const pauseBeforeRetry = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000);

/** An error that the server itself answered, other than by being late or gone. */
const isRefusal = (error: Error) => error.name === 'ReplyError';

/** How often the server is asked whether it allows the needed commands, in milliseconds. */
const watchEveryMs = 5_000;

/**
 * Where a Redis is, and how to read that again when its credentials are refused: their file may hold others by then.
 */
export type RedisSource = { address: RedisAddress; readAgain: () => RedisAddress };

/** Errors of a server that refuses the user name or the password. */
const isAboutCredentials = (error: Error) =>
  isRefusal(error) && /^(WRONGPASS|NOAUTH|ERR invalid password)/.test(error.message);

/** Connects, and again whenever the connection is lost. Never throws: until there is a connection, `up` is false. */
export function connectRedis(source: RedisSource, log: Logger, clock: Pick<Clock, 'after'>): RedisConnection {
  const { address } = source;
  let credentialsRefused = false;
  const redis = open(address, (attempt) => {
    if (credentialsRefused) useCredentials(redis, credentialsOf(source.readAgain()));
    credentialsRefused = false;
    return pauseBeforeRetry(attempt);
  });
  /** The refusals, by the purpose of the refused command. */
  const refusals = new Map<string, string>();
  const watches: { look: () => void; end: () => void }[] = [];
  /** The state that was logged last; null while it works. */
  let failing: Error | null = null;
  let closed = false;

  /**
   * Logs one line when Redis fails, and one when it works again. A refusal is logged even after another failure,
   * because it does not end by itself.
   */
  function tell(error: Error | null): void {
    if (error && (failing === null || (isRefusal(error) && !isRefusal(failing))))
      log.warn({ err: error }, 'Redis cannot be used: replicas rely on the fence in Postgres alone');
    if (!error && failing) log.info('Redis can be used again');
    failing = error && failing && isRefusal(failing) ? failing : error;
  }

  function note(what: string, error: Error | null): void {
    if (error) {
      refusals.set(what, error.message);
      tell(error);
    } else if (refusals.delete(what) && refusals.size === 0) tell(null);
  }

  redis.on('error', (error: Error) => {
    credentialsRefused ||= isAboutCredentials(error);
    tell(error);
  });
  redis.on('ready', () => {
    // A refusal may still hold. The commands that are sent now will show it.
    if (refusals.size === 0) tell(null);
    for (const { look } of watches) look();
  });
  return {
    redis,
    clustered: address.kind === 'cluster',
    prefix: redis.options.keyPrefix ?? '',
    up: (what) => redis.status === 'ready' && (what === undefined ? refusals.size === 0 : !refusals.has(what)),
    watch(what, ask) {
      let timer: Timer | null = null;
      function look(): void {
        if (closed) return;
        timer?.cancel();
        // A connection that is lost meanwhile leaves this call without an answer.
        timer = clock.after(watchEveryMs, look);
        if (redis.status !== 'ready') return;
        ask().then(
          () => note(what, null),
          // A server that is slow, or gone, has refused nothing.
          (error: Error) => isRefusal(error) && note(what, error),
        );
      }
      watches.push({ look, end: () => timer?.cancel() });
      look();
    },
    close() {
      closed = true;
      for (const { end } of watches) end();
      redis.disconnect();
    },
  };
}

type Credentials = { username?: string | undefined; password?: string | undefined };

function credentialsOf(address: RedisAddress): Credentials {
  if (address.kind !== 'server') return address.credentials;
  const { username, password } = new URL(address.url);
  return { username: decodeURIComponent(username) || undefined, password: decodeURIComponent(password) || undefined };
}

/** The next connections use these: ioredis reads its options whenever it connects. */
function useCredentials(redis: Redis | Cluster, credentials: Credentials): void {
  if (redis instanceof Redis) Object.assign(redis.options, credentials);
  else
    for (const options of [redis.options.redisOptions, ...redis.nodes('all').map((node) => node.options)])
      Object.assign(options ?? {}, credentials);
}

function open(address: RedisAddress, retryStrategy: (attempt: number) => number): Redis | Cluster {
  const single = { ...common, enableOfflineQueue: false, retryStrategy };
  if (address.kind === 'server') return new Redis(address.url, single);
  const { nodes, credentials, tls } = address;
  if (address.kind === 'sentinel') {
    const { sentinelCredentials } = address;
    return new Redis({
      ...single,
      ...credentials,
      ...(sentinelCredentials.username && { sentinelUsername: sentinelCredentials.username }),
      ...(sentinelCredentials.password && { sentinelPassword: sentinelCredentials.password }),
      sentinels: [...nodes],
      name: address.master,
      db: address.db,
      sentinelCommandTimeout: connectTimeoutMs,
      sentinelRetryStrategy: pauseBeforeRetry,
      // A master that was made a replica while the connection stayed: the Sentinels know the new one.
      reconnectOnError: (error: Error) => error.message.includes('READONLY'),
      ...(tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    });
  }
  const cluster = new Cluster([...nodes], {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    // Commands that a lost node has not answered are not sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    maxRedirections: 3,
    slotsRefreshTimeout: connectTimeoutMs,
    slotsRefreshInterval: 2_000,
    // Certificates are made out for names: these must not be turned into addresses.
    ...(tls && { dnsLookup: (host, callback) => callback(null, host) }),
    redisOptions: { ...common, ...credentials, ...(tls && { tls: {} }) },
  });
  // ioredis would connect to a node only with the first call, and refuse calls until then.
  cluster.on('+node', (node: Redis) => node.connect().catch(() => {}));
  return cluster;
}
