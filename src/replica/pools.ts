/** The connections of one replica to Postgres, apart by what they are for. */

import type { Database } from '../store/database.ts';

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
export function onePool(open: OpenPool): Pools {
  const pool = open('punctual', 1, engineTimeoutMs);
  return { api: pool, claims: pool, lease: pool, other: pool };
}
