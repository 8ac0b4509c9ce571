/**
 * Makes a change of tasks hold: waits until no transaction is under way that could still start runs by what was before.
 */

import type { Database } from '../postgres/database.ts';

/**
 * Waits for the claims that began before now, so that a change that is committed holds from then on. A claim reads the
 * tasks as they were when its statement began, so one that began before a stop may insert a run just after it.
 *
 * Postgres locks the tables that a statement names before it takes the statement's snapshot (under READ COMMITTED), and
 * lets go of them after the end of the transaction is visible. So whoever can still write a run by the old state of a
 * task holds both tables now: `runs` for writing and `tasks` for any purpose. Whoever takes them later sees the change.
 * These locks are in `pg_locks` whatever the connection calls itself, whoever its role is, and through whatever pooler
 * it came; every role may read it. Claims pay nothing for this.
 *
 * Rejects when they are not over after some five seconds, as where a replica was frozen in the middle of a transaction.
 */
export async function claimsAreOver({ pool }: Database, pause: () => Promise<void>): Promise<void> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'claims-under-way',
    text: `
      select virtualtransaction as id from pg_locks
      where locktype = 'relation' and granted and relation in ('runs'::regclass, 'tasks'::regclass)
        and database = (select oid from pg_database where datname = current_database())
      group by virtualtransaction
      having bool_or(relation = 'runs'::regclass and mode = 'RowExclusiveLock') and bool_or(relation = 'tasks'::regclass)`,
  });
  const claims = rows.map(({ id }) => id);
  if (claims.length === 0) return;
  for (let look = 0; look < mostLooks; look++) {
    // Every transaction holds a lock on its own number, which no later one gets.
    const { rows: answer } = await pool.query<{ busy: boolean }>({
      name: 'claims-are-over',
      text: 'select exists (select from pg_locks where virtualtransaction = any($1)) as busy',
      values: [claims],
    });
    if (!answer[0]?.busy) return;
    await pause();
  }
  // The change is committed, but must not be answered: its caller asks again. The word makes it a 503.
  throw new Error('timeout: claims that began before the change are still under way');
}

/** With the pauses between them some five seconds: longer than any statement may take. */
const mostLooks = 1_500;
