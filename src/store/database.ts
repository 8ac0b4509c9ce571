/** Opens a pool of Postgres connections that can hang nobody: every wait on it is bounded. */

import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { isRolledBack } from './failure.ts';

export type DatabaseOptions = {
  /** Where the server is: a connection string, or a socket folder of the embedded store. */
  connection: { connectionString: string } | { host: string; port: number; user: string; database: string };
  /** Shown in `pg_stat_activity`; the claims' pool is recognised by it. */
  applicationName: string;
  maxConnections: number;
  /**
   * Only index scans, for statements that touch single rows of tables of any size: a plan made while a table was small is
   * kept, and must not scan it when it has grown.
   */
  indexScansOnly?: boolean;
  /** How long connecting and each statement may take, in milliseconds. */
  timeoutMs: number;
  log: Logger;
  clock: Clock;
  /** Hears of every error of a statement. */
  onError?: (error: unknown) => void;
  /** An even share in [0, 1): spreads the second tries of those who got in each other's way. */
  random: () => number;
};

type Retry = <T>(work: () => Promise<T>) => Promise<T>;

export type Database = {
  pool: pg.Pool;
  orm: NodePgDatabase;
  /** Does work again that Postgres rolled back to let others go on. */
  retry: Retry;
  /** Waits for what runs and closes every connection. */
  close(): Promise<void>;
};

export function openDatabase(options: DatabaseOptions): Database {
  const { timeoutMs } = options;
  const pool = new pg.Pool({
    ...options.connection,
    application_name: options.applicationName,
    max: options.maxConnections,
    connectionTimeoutMillis: timeoutMs,
    // The server gives up first, so that a statement that was too slow is known to have changed nothing.
    statement_timeout: timeoutMs,
    lock_timeout: timeoutMs,
    idle_in_transaction_session_timeout: 10 * timeoutMs,
    query_timeout: timeoutMs + 250,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // By itself the first probe comes after two hours.
    keepAliveInitialDelayMillis: 10_000,
    ...(options.indexScansOnly ? { options: '-c enable_seqscan=off -c jit=off' } : {}),
    // The embedded store's one session outlives the connection: what the one before had prepared is still there.
    ...('host' in options.connection && { onConnect: (client: pg.ClientBase) => client.query('deallocate all') }),
  });
  // Without listeners the loss of a connection, idle or in a transaction, would end the process; a statement under way
  // rejects besides.
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle Postgres connection was lost'));
  const retry = createRetry(options);
  const query = pool.query.bind(pool) as (...statement: unknown[]) => Promise<unknown>;
  pool.query = ((...statement: unknown[]) => retry(() => query(...statement))) as typeof pool.query;
  return { pool, orm: drizzle(pool), retry, close: () => pool.end() };
}

const mostTries = 5;
const longestPauseMs = 20;

/**
 * Statements that meet in different orders wait for each other in a ring, and Postgres undoes one of them: that one has
 * changed nothing, whatever it was, and can be tried again. On a pool that is a statement by itself; a statement of a
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
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** What can run a statement: the pool, or the connection of a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>;
