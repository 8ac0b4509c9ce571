/** What a Postgres server does by itself and the embedded store does not: VACUUM and CHECKPOINT. */

import type { Database } from './database.ts';

/** A long statement is no fault here. */
const patienceMs = 10 * 60_000;

/** Clears dead rows away, renews the planner's statistics, and brings the write-ahead log down to what is needed. */
export async function maintain(database: Database): Promise<void> {
  for (const text of ['vacuum (analyze)', 'checkpoint'])
    await database.pool.query({ text, query_timeout: patienceMs } as { text: string });
}
