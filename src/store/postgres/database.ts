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
  /** Hears of every error of a statement. */
  onError?: (error: unknown) => void;
  /** A random number in [0, 1): spreads the second tries of statements that got in each other's way. */
  random: () => number;
};

type Retry = <T>(work: () => Promise<T>) => Promise<T>;

export type Database = {
  /** Statements on it are tried again where Postgres rolled them back to let others go on. */
  pool: Pool;
  orm: NodePgDatabase;
  /** Does work again that Postgres rolled back to let others go on. */
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
    // By itself the first probe comes after two hours.
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

/** drizzle on a pool. It calls `query` of it and nothing else, though its type asks for a pool of `pg`. */
export function ormOn(pool: Pool): NodePgDatabase {
  return drizzle(pool as unknown as pg.Pool);
}

const mostTries = 5;
const longestPauseMs = 20;

/**
 * Statements that meet in different orders wait for each other in a ring, and Postgres undoes one of them: that one has
 * changed nothing and can be tried again. On a pool that is a statement by itself; a statement of a
 * transaction fails the whole of it, and `inTransaction` begins anew.
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
 * Runs `work` in one transaction on one connection; rolls back and rethrows when it throws. `work` is run again where
 * Postgres rolled it back to let others go on, and so must do nothing beyond the transaction that cannot be done twice.
 */
export function inTransaction<T>(database: Database, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return database.retry(() => transact(database, work));
}

async function transact<T>(database: Database, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
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
