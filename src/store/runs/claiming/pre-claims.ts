/** Claims that are written ahead of their instant, in a transaction that is ended when it has come. */

import type { Database } from '../../postgres/database.ts';
import { type Claim, type Claimer, claimOccurrences, type Due } from './claims.ts';

/**
 * Until its end no other transaction sees the runs. A replica that dies leaves nothing behind. A change of the tasks
 * waits for the end (`claimsAreOver`).
 */
export type PreClaim = {
  claims: Claim[];
  /** Ends it with all its runs but these. When it rejects, the runs may be there or not. */
  commit(dropped: readonly string[]): Promise<void>;
  /** Ends it as if it had never been. Never rejects. */
  rollback(): Promise<void>;
};

/**
 * Postgres ends a pre-claim after this many milliseconds. A replica that is frozen or cut off keeps its connections
 * open, and claims of the same occurrences would wait for it.
 */
const longestMs = 1_000;

/**
 * Inserts the runs of occurrences of tasks without `maxRuns`, in a transaction of its own that keeps a connection until
 * it is ended. `claimer.now` is the instant at which it is going to be.
 */
export async function preClaim(database: Database, due: readonly Due[], claimer: Claimer): Promise<PreClaim> {
  const client = await database.pool.connect();
  try {
    await client.query(`begin; set local idle_in_transaction_session_timeout = ${longestMs}`);
    const claims = await claimOccurrences(client, due, claimer, false);
    return {
      claims,
      async commit(dropped) {
        try {
          if (dropped.length > 0)
            await client.query({
              name: 'drop-pre-claimed',
              text: 'delete from runs where id = any($1::uuid[])',
              values: [dropped],
            });
          await client.query('commit');
          client.release();
        } catch (error) {
          client.release(error as Error);
          throw error;
        }
      },
      rollback: () =>
        client.query('rollback').then(
          () => client.release(),
          (error: Error) => client.release(error),
        ),
    };
  } catch (error) {
    // A closed connection rolls back by itself.
    client.release(error as Error);
    throw error;
  }
}
