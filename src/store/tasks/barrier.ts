/**
 * The barrier that makes a change of tasks hold: waits until no transaction is under way that could still start runs of
 * the old definition.
 */

import type { Database } from '../postgres/database.ts';

/**
 * Waits for the claims that began before now, so that a change that is committed holds from then on. A claim reads the
 * tasks as they were when its statement began, so one that began before a stop may insert a run just after it.
 *
 * Postgres locks the tables that a statement names before it takes the statement's snapshot (under READ COMMITTED), and
 * releases the locks after the end of the transaction is visible. So a transaction that can still write a run by the
 * old state of a task holds locks on both tables now: on `runs` for writing and on `tasks` in any mode. A transaction
 * that locks them later sees the change. `pg_locks` shows these locks for every application name, role and pooler, and
 * every role may read it. Claims have no extra cost.
 *
 * Rejects when they are not over after some five seconds, as where a replica was frozen in the middle of a transaction.
 */
export function claimsAreOver(database: Database, pause: () => Promise<void>): Promise<void> {
  const isClaim = `bool_or(relation = 'runs'::regclass and mode = 'RowExclusiveLock') and bool_or(relation = 'tasks'::regclass)`;
  return areOver(database, 'claims-under-way', isClaim, pause);
}

/** Waits in the same way for the transactions that write tasks and began before now: they may create tasks. */
export function taskWritesAreOver(database: Database, pause: () => Promise<void>): Promise<void> {
  const writesTasks = `bool_or(relation = 'tasks'::regclass and mode = 'RowExclusiveLock')`;
  return areOver(database, 'task-writes-under-way', writesTasks, pause);
}

/** `which` is a condition on the locks that a transaction holds now; `name` is that of the statement. */
async function areOver({ pool }: Database, name: string, which: string, pause: () => Promise<void>): Promise<void> {
  const { rows } = await pool.query<{ id: string }>({
    name,
    text: `
      select virtualtransaction as id from pg_locks
      where locktype = 'relation' and granted and relation in ('runs'::regclass, 'tasks'::regclass)
        and database = (select oid from pg_database where datname = current_database())
      group by virtualtransaction
      having ${which}`,
  });
  const older = rows.map(({ id }) => id);
  if (older.length === 0) return;
  for (let look = 0; look < mostLooks; look++) {
    // Every transaction holds a lock on its own number, which no later one gets.
    const { rows: answer } = await pool.query<{ busy: boolean }>({
      name: 'older-are-over',
      text: 'select exists (select from pg_locks where virtualtransaction = any($1)) as busy',
      values: [older],
    });
    if (!answer[0]?.busy) return;
    await pause();
  }
  // The change is committed, but must not be answered with success. The code makes the answer a 503, and the caller
  // asks again.
  throw new Error('timeout: transactions that began before the change are still under way');
}

/** With the pauses between them some five seconds: longer than any statement may take. */
const mostLooks = 1_500;
