/** Tells whether a database can be used, and how to repair it where it cannot. */

import type pg from 'pg';
import { ok, type Result } from '../../errors.ts';
import type { Database, Queryable } from './database.ts';
import { isUnavailable } from './failure.ts';

const leastVersion = 14;

/** Checks the version and encoding of the database; a sentence names the fault. Rejects when it does not answer. */
export async function checkDatabase(db: Queryable): Promise<Result<void, string>> {
  const { rows } = await db.query<{ version: number; encoding: string; schema: string | null; path: string }>(`
    select current_setting('server_version_num')::integer as version, current_setting('server_encoding') as encoding,
      current_schema() as schema, current_setting('search_path') as path`);
  const [found] = rows;
  if (found === undefined) throw new Error('Postgres did not say what it is');
  if (found.version < leastVersion * 10_000)
    return refuse(
      `DATABASE_URL leads to Postgres ${Math.floor(found.version / 10_000)}: it must be ${leastVersion} or later`,
    );
  if (found.encoding !== 'UTF8')
    return refuse(
      `DATABASE_URL leads to a database in the encoding ${found.encoding}, which cannot hold every text: it must be UTF8, as ` +
        "create database … encoding 'UTF8' template template0 makes it",
    );
  if (found.schema === null)
    return refuse(
      `DATABASE_URL leads to a database in which no schema of the search_path (${found.path}) exists, or the role may not use it`,
    );
  return ok(undefined);
}

/**
 * Whether each connection has a session of its own, as it has without a pooler or with one in session mode. In another
 * mode connections share settings and prepared statements, which this finds by trying. `others` are pools whose
 * connections are held beside the first. Rejects when Postgres does not answer.
 */
export async function checkSessions(
  database: Database,
  others: readonly Database[],
): Promise<Result<{ pooled: boolean }, string>> {
  const held: pg.PoolClient[] = [];
  const mark = 'punctual.mark';
  try {
    const first = await database.pool.connect();
    held.push(first);
    const { rows } = await first.query<{ pid: number }>('select pg_backend_pid() as pid');
    // A pooler gives a process number of its own.
    if (rows[0]?.pid === (first as { processID?: number }).processID) return ok({ pooled: false });
    const token = `${rows[0]?.pid}-${(first as { processID?: number }).processID}`;
    const ask = `select current_setting('${mark}', true) as mark`;
    await first.query(`set ${mark} = '${token}'`);
    for (const { pool } of others) {
      const other = await pool.connect();
      held.push(other);
      // A transaction keeps its session, so the first connection gets another session if sessions are shared.
      await other.query('begin');
      const seen = await other.query<{ mark: string | null }>(ask);
      const kept = seen.rows[0]?.mark === token ? null : await first.query<{ mark: string | null }>(ask);
      if (kept?.rows[0]?.mark !== token) return refuse(poolerSentence);
    }
    return ok({ pooled: true });
  } catch (error) {
    if (/transaction blocks not allowed|statement pooling/i.test((error as Error).message))
      return refuse(poolerSentence);
    // A pooler without a free session may still be in the right mode.
    if (held.length > 1 && isUnavailable(error)) return ok({ pooled: true });
    throw error;
  } finally {
    // They are closed and not given back, because they are marked and may be in a transaction.
    for (const client of held) client.release(true);
  }
}

const poolerSentence =
  'DATABASE_URL leads to a pooler that shares sessions between connections (pool_mode = transaction or statement): set ' +
  'pool_mode = session for this database or user in PgBouncer, or let DATABASE_URL lead to Postgres itself';

const refuse = (sentence: string): { ok: false; errors: string } => ({ ok: false, errors: sentence });
