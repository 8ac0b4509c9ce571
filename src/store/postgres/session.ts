/**
 * The settings of every connection to Postgres. They win over those of the URL, the role, the database and the server.
 */

import type pg from 'pg';

export type SessionLimits = {
  /** How long each statement, and its wait for a lock, may take, in milliseconds. */
  timeoutMs: number;
  /**
   * Only index scans, for statements that touch single rows of tables of any size: a query plan made while a table was
   * small is kept, and must not scan it when it has grown.
   */
  indexScansOnly: boolean;
};

/** How texts are read and written. */
const forms = `
  set client_encoding = 'UTF8'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; set timezone = 'UTC';
  set bytea_output = 'hex'; set standard_conforming_strings = on; set extra_float_digits = 1;
  set array_nulls = on; set transform_null_equals = off; set gin_fuzzy_search_limit = 0`;

/**
 * The promises need these settings: a stop needs READ COMMITTED (see barrier.ts), and an acknowledged write must be on
 * the disk. A stronger `synchronous_commit` than `on` is left as it is.
 */
const promises = `
  set default_transaction_isolation = 'read committed'; set default_transaction_deferrable = off;
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`;

/**
 * These come first, because the limits before may be too short for the rest. The server's limit ends before ours, so a
 * statement that was too slow is known to have changed nothing.
 */
const limits = ({ timeoutMs, indexScansOnly }: SessionLimits) => `
  set statement_timeout = ${timeoutMs}; set lock_timeout = ${timeoutMs};
  set idle_in_transaction_session_timeout = ${10 * timeoutMs}; set plan_cache_mode = auto;
  set jit = off ${indexScansOnly ? '; set enable_seqscan = off; set enable_indexscan = on' : ''}`;

/**
 * Sets a connection up with one query. It uses statements, because PgBouncer refuses start parameters. Rejects where
 * the connection is read-only, as on a standby.
 */
export async function prepareSession(client: pg.ClientBase, wanted: SessionLimits): Promise<void> {
  const answers = (await client.query(
    `${limits(wanted)}; ${forms}; ${promises}; select current_setting('transaction_read_only') as read_only`,
  )) as unknown as pg.QueryResult<{ read_only: string }>[];
  if (answers.at(-1)?.rows[0]?.read_only === 'on')
    throw Object.assign(new Error('cannot write: the server or the database is read-only'), { code: '25006' });
}

/**
 * The same for the one session of the embedded store, which outlives connections and keeps their prepared statements.
 */
export async function prepareEmbedded(client: pg.ClientBase): Promise<void> {
  await client.query(`deallocate all; ${forms}`);
}
