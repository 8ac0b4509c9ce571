/** Opens a pool of Postgres connections. Every wait on it is bounded. */

import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import { isRolledBack, spoilsConnections } from './failure.ts';
import { createPool, type Pool } from './pool.ts';
import { type Connection, createRoute } from './route.ts';
import { prepareEmbedded, prepareSession } from './session.ts';

export type DatabaseOptions = {
  connection: Connection;
  /** The purpose of the connections: shown in `pg_stat_activity`. */
  purpose: string;
  maxConnections: number;
  /** See `SessionLimits`. */
  indexScansOnly?: boolean;
  /** How long each statement may take, in milliseconds, and connecting where nothing else is said. */
  timeoutMs: number;
  connectTimeoutMs?: number;
  log: Logger;
  clock: Clock;
  /** Called with every error of a statement. */
  onError?: (error: unknown) => void;
  /** A random number in [0, 1): spreads the repetitions of statements that blocked each other. */
  random: () => number;
};

type Retry = <T>(work: () => Promise<T>) => Promise<T>;

export type Database = {
  /** Statements on it are repeated where Postgres rolled them back because of a deadlock or a failed serialization. */
  pool: Pool;
  orm: NodePgDatabase;
  /** Repeats work that Postgres rolled back because of a deadlock or a failed serialization. */
  retry: Retry;
  /** Waits for the statements under way and closes every connection. */
  close(): Promise<void>;
};

/** The limits of each wait of a pool, and the probes that notice a lost server. */
export function poolSettings(
  {
    purpose,
    maxConnections,
    timeoutMs,
    connectTimeoutMs = timeoutMs,
  }: Omit<DatabaseOptions, 'log' | 'clock' | 'random'>,
  applicationName: string,
): pg.PoolConfig {
  return {
    application_name: `${applicationName} ${purpose}`.trim(),
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: timeoutMs + 250,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // The default is a first probe after two hours.
    keepAliveInitialDelayMillis: 10_000,
  };
}

export function openDatabase(options: DatabaseOptions): Database {
  const { connection, timeoutMs, connectTimeoutMs = timeoutMs, indexScansOnly = false } = options;
  const route = createRoute(connection);
  const connections = createPool({
    route,
    clock: options.clock,
    timeoutMs: connectTimeoutMs,
    settings: poolSettings(options, route.applicationName),
    prepare: (client) =>
      'host' in connection ? prepareEmbedded(client) : prepareSession(client, { timeoutMs, indexScansOnly }),
    onLost: (error) => options.log.warn({ err: error }, 'an idle Postgres connection was lost'),
  });
  const retry = createRetry(options);
  const query = (...statement: Parameters<pg.ClientBase['query']>) =>
    retry(async () => connections.query(...statement));
  const pool = { ...connections, query: query as Pool['query'] };
  return { pool, orm: ormOn(pool), retry, close: pool.end };
}

/** drizzle on a pool. It only calls `query` of the pool, though its type asks for a pool of `pg`. */
export function ormOn(pool: Pool): NodePgDatabase {
  return drizzle(pool as unknown as pg.Pool);
}

const mostTries = 5;
const longestPauseMs = 20;

/**
 * Repeats work after a deadlock. Postgres undoes one of the statements that wait for each other: that one has changed
 * nothing and can be repeated. On a pool the work is a single statement. In a transaction the whole transaction fails,
 * and `inTransaction` repeats it.
 */
function createRetry({
  clock,
  random,
  log,
  onError,
}: Pick<DatabaseOptions, 'clock' | 'random' | 'log' | 'onError'>): Retry {
  return async (work) => {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        onError?.(error);
        if (!isRolledBack(error) || tries === mostTries) throw error;
        log.info({ err: error, tries }, 'Postgres rolled a statement back to let others go on; trying again');
        await new Promise<void>((resume) => clock.after(random() * longestPauseMs * 2 ** tries, resume));
      }
    }
  };
}

/**
 * Runs `work` in one transaction on one connection; rolls back and rethrows when it throws. `work` is run again after a
 * deadlock or a failed serialization, so it must have no effects outside of the transaction that cannot be repeated.
 * Where others pass over what it locks, `mostIdleMs` is short: a replica that froze would keep it from them. Postgres
 * ends the transaction when it has been idle for that long.
 */
export function inTransaction<T>(
  database: Database,
  work: (client: pg.PoolClient) => Promise<T>,
  mostIdleMs: number | null = null,
): Promise<T> {
  const begin = mostIdleMs === null ? 'begin' : `begin; set local idle_in_transaction_session_timeout = ${mostIdleMs}`;
  return database.retry(() => transact(database, begin, work));
}

async function transact<T>(database: Database, begin: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    if (spoilsConnections(error)) broken = error as Error;
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** Runs statements: the pool, or the connection of a transaction. */
export type Queryable = Pick<Pool, 'query'>;
