/** The connections of one replica to Postgres, apart by what they are for. */

import type { Clock } from '../clock.ts';
import type { Database } from '../store/database.ts';
import { oneAtATime } from '../store/one-at-a-time.ts';

/** Opens at most `maxConnections` connections; a statement that takes longer than `timeoutMs` fails. */
export type OpenPool = (
  applicationName: string,
  maxConnections: number,
  timeoutMs: number,
  indexScansOnly?: boolean,
) => Database;

/** The firing path and the lease have connections of their own: no request can keep them waiting. */
export type Pools = { api: Database; claims: Database; lease: Database; other: Database };

/** An API request may wait this long for Postgres before it is answered with a 503. */
const apiTimeoutMs = 1_500;
const engineTimeoutMs = 5_000;
const leaseTimeoutMs = 2_000;

/** `stagedBatches` transactions may stay open beside the other claims. */
export function separatePools(open: OpenPool, stagedBatches: number): Pools {
  return {
    api: open('punctual api', 8, apiTimeoutMs),
    claims: open('punctual claims', 4 + stagedBatches, engineTimeoutMs, true),
    lease: open('punctual lease', 1, leaseTimeoutMs),
    other: open('punctual engine', 3, engineTimeoutMs, true),
  };
}

/** The embedded store has one session, which several connections would mix up. */
export function onePool(open: OpenPool, clock: Clock): Pools {
  const pool = open('punctual', 1, engineTimeoutMs);
  // What fires tasks waits for one statement of the API at most, however many requests there are.
  return { api: oneAtATime(pool, apiTimeoutMs, clock), claims: pool, lease: pool, other: pool };
}
