/**
 * Chooses how the replicas of a cluster wake each other: by Redis, by Postgres' NOTIFY, or not at all for a single one.
 */

import type { Clock } from '../clock.ts';
import type { Logger } from '../observability/log.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { createLocalSignals, createRedisSignals, type Receiver, type Signals } from '../redis/signals.ts';
import { createNotifications } from '../store/postgres/notifications.ts';
import type { Connection } from '../store/postgres/route.ts';
import type { Secrets } from './secrets.ts';

export type SignalOptions = {
  /** The connection for publishing and where it leads; null without Redis. */
  redis: { connection: RedisConnection; source: NonNullable<Secrets['redis']> } | null;
  /** Null for the embedded store, which has one session and one replica. */
  postgres: Connection | null;
  /** The id of the cluster, a UUID: only its replicas hear each other. */
  cluster: string;
  /** This process, a UUID. */
  process: string;
  receiver: Receiver;
  log: Logger;
  clock: Clock;
};

export function createSignals({ redis, postgres, cluster, process, receiver, log, clock }: SignalOptions): Signals {
  if (redis !== null)
    return createRedisSignals(redis.source, redis.connection, `punctual:${cluster}:signals`, receiver, log, clock);
  if (postgres === null) return createLocalSignals(receiver.signal);
  return createNotifications({
    ...{ connection: postgres, channel: `punctual ${cluster}`, self: process, log, clock },
    receive: receiver.signal,
    receiveText: receiver.text,
    onOpen: receiver.opened,
  });
}
