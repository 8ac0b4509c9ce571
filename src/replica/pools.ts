/** The connections of one replica to Postgres, a pool for each purpose. */

import type { Clock } from '../clock.ts';
import type { Settings } from '../settings/settings.ts';
import type { Database } from '../store/postgres/database.ts';
import { oneAtATime } from '../store/postgres/one-at-a-time.ts';

/** Opens at most `maxConnections` connections; a statement that takes longer than `timeoutMs` fails. */
export type OpenPool = (
  purpose: string,
  maxConnections: number,
  timeoutMs: number,
  indexScansOnly?: boolean,
) => Database;

/** The firing path and the lease have connections of their own: no request can keep them waiting. */
export type Pools = {
  api: Database;
  claims: Database;
  lease: Database;
  other: Database;
  /** How many connections they may have together. */
  size: number;
  /** How many transactions may stay open beside the other claims. */
  preClaimedBatches: number;
};

/** An API request may wait this long for Postgres before it is answered with a 503. */
const apiTimeoutMs = 1_500;
const engineTimeoutMs = 5_000;
const leaseTimeoutMs = 2_000;

/** Two usual claims, an urgent one, and the completer or the dispatcher. */
const otherClaims = 4;

/** `listens`: one more connection is opened for signals, because there is no Redis. */
export function separatePools(
  open: OpenPool,
  { poolApi, poolClaims, poolEngine }: Pick<Settings, 'poolApi' | 'poolClaims' | 'poolEngine'>,
  listens: boolean,
): Pools {
  return {
    api: open('api', poolApi, apiTimeoutMs),
    claims: open('claims', poolClaims, engineTimeoutMs, true),
    lease: open('lease', 1, leaseTimeoutMs),
    other: open('engine', poolEngine, engineTimeoutMs, true),
    size: poolApi + poolClaims + poolEngine + 1 + (listens ? 1 : 0),
    // Each keeps a connection for some hundred milliseconds around the instant of a burst.
    preClaimedBatches: Math.max(0, poolClaims - otherClaims),
  };
}

/** The embedded store has one session, which several connections would mix up, and which no transaction may keep. */
export function onePool(open: OpenPool, clock: Clock): Pools {
  const pool = open('', 1, engineTimeoutMs);
  // The engine waits for one statement of the API at most, however many requests there are.
  const api = oneAtATime(pool, apiTimeoutMs, clock);
  return { api, claims: pool, lease: pool, other: pool, size: 1, preClaimedBatches: 0 };
}

/** Waits for the statements under way and closes every connection. */
export async function closePools({ api, claims, lease, other }: Pools): Promise<void> {
  await Promise.all([...new Set([api, claims, lease, other])].map((pool) => pool.close()));
}
