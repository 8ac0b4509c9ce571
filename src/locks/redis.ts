/** Connects to Redis so that a dead server costs time-outs, never a queue of waiting calls. */

import { Cluster, Redis } from 'ioredis';
import type { Logger } from '../log.ts';
import type { RedisAddress } from '../setting-redis.ts';

export type RedisConnection = {
  redis: Redis | Cluster;
  /** Whether keys of one call have to share a slot. */
  clustered: boolean;
  /** Whether the server can be asked right now. */
  up(): boolean;
  close(): void;
};

/** How long one command may take, in milliseconds: a slow lock server must not make occurrences late. */
const commandTimeoutMs = 250;
/** A connection over which nothing comes for so long, though something was asked, is taken for dead. */
const silenceMs = 1_000;
const connectTimeoutMs = 2_000;

/** Nothing waits for a connection, and nothing is sent again: whoever asked has gone on with the fence alone. */
const common = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 1,
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  socketTimeout: silenceMs,
};

const pauseBeforeRetry = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000);

/** Connects, and again whenever the connection is lost. Never throws: until there is a connection, `up` is false. */
export function connectRedis(address: RedisAddress, log: Logger): RedisConnection {
  const redis = open(address);
  let failing = false;
  redis.on('error', (error: Error) => {
    if (!failing) log.warn({ err: error }, 'Redis cannot be reached: the fence in Postgres holds alone');
    failing = true;
  });
  redis.on('ready', () => {
    if (failing) log.info('Redis is back');
    failing = false;
  });
  return {
    redis,
    clustered: address.kind === 'cluster',
    up: () => redis.status === 'ready',
    close: () => redis.disconnect(),
  };
}

function open(address: RedisAddress): Redis | Cluster {
  const single = { ...common, enableOfflineQueue: false, retryStrategy: pauseBeforeRetry };
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
    clusterRetryStrategy: pauseBeforeRetry,
    // What a node that is lost has not answered is not sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    maxRedirections: 3,
    slotsRefreshTimeout: connectTimeoutMs,
    slotsRefreshInterval: 2_000,
    // Certificates are made out for names: these must not be turned into addresses.
    ...(tls && { dnsLookup: (host, callback) => callback(null, host) }),
    redisOptions: { ...common, ...credentials, ...(tls && { tls: {} }) },
  });
  // By itself a connection to a node is opened by the first call, and what is called until it stands is refused.
  cluster.on('+node', (node: Redis) => node.connect().catch(() => {}));
  return cluster;
}
