/** VACUUM and CHECKPOINT, which a Postgres server does by itself and the embedded store does not. */

import type { Database } from '../postgres/database.ts';

/** VACUUM may take long. */
const mostWaitMs = 10 * 60_000;

/** Clears dead rows away and renews the planner's statistics, then shortens the write-ahead log. */
export async function maintain(database: Database): Promise<void> {
  await database.pool.query({ text: 'vacuum (analyze)', query_timeout: mostWaitMs } as { text: string });
  await checkpoint(database);
}

/** Writes all that is only in the write-ahead log to the tables, so that the next start is quick. */
export async function checkpoint(database: Database): Promise<void> {
  await database.pool.query({ text: 'checkpoint', query_timeout: mostWaitMs } as { text: string });
}
