/** Opens a pool of Postgres connections that can hang nobody: every wait on it is bounded. */

import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Logger } from '../log.ts';

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
};

export type Database = {
  pool: pg.Pool;
  orm: NodePgDatabase;
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
    ...(options.indexScansOnly ? { options: '-c enable_seqscan=off -c jit=off' } : {}),
    // The embedded store's one session outlives the connection: what the one before had prepared is still there.
    ...('host' in options.connection && { onConnect: (client: pg.ClientBase) => client.query('deallocate all') }),
  });
  // Without listeners the loss of a connection, idle or in a transaction, would end the process; a statement under way
  // rejects besides.
  pool.on('connect', (client) => client.on('error', () => {}));
  pool.on('error', (error) => options.log.warn({ err: error }, 'an idle Postgres connection was lost'));
  return { pool, orm: drizzle(pool), close: () => pool.end() };
}

/** Runs `work` in one transaction on one connection; rolls back and rethrows when it throws. */
export async function inTransaction<T>(database: Database, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
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
