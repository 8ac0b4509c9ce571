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
 * Promises rest on these: a stop on READ COMMITTED (see barrier.ts), an acknowledged write on being on the disk. A
 * stronger kind of commit than `on` is left as it is.
 */
const promises = `
  set default_transaction_isolation = 'read committed'; set default_transaction_deferrable = off;
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`;

/**
 * They come first, because the limits so far may be too short for the rest. The server gives up first, so that a
 * statement that was too slow is known to have changed nothing.
 */
const limits = ({ timeoutMs, indexScansOnly }: SessionLimits) => `
  set statement_timeout = ${timeoutMs}; set lock_timeout = ${timeoutMs};
  set idle_in_transaction_session_timeout = ${10 * timeoutMs}; set plan_cache_mode = auto
  ${indexScansOnly ? '; set enable_seqscan = off; set enable_indexscan = on; set jit = off' : ''}`;

/**
 * Sets a connection up, with one question: as statements and not as parameters of the start, which PgBouncer refuses.
 * Rejects where nothing could be written by it, as the standby of a cluster answers.
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
