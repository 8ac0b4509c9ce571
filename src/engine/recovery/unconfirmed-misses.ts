/**
 * Corrects misses by changes whose replica died before it could look for runs of the occurrences that it recorded as
 * missed.
 */

import type { Logger } from '../../observability/log.ts';
import { areUnconfirmed, correctUnconfirmed } from '../../store/changes/misses.ts';
import type { Database } from '../../store/postgres/database.ts';
import { claimsAreOver } from '../../store/tasks/barrier.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';

export type UnconfirmedMissOptions = {
  database: Database;
  time: Pick<DatabaseTime, 'now'>;
  log: Pick<Logger, 'warn'>;
  lease: Pick<Lease, 'held'>;
  /** Resolves after so many milliseconds. */
  pause: (ms: number) => Promise<void>;
};

const everyMs = 5_000;
/** The replica of the change corrects the miss itself within some five seconds, or never. */
const marginMs = 6_000;

/** The step of its loop: gives back the milliseconds until the next one. */
export function createUnconfirmedMissStep(options: UnconfirmedMissOptions): () => Promise<number> {
  const { database, time, log, lease, pause } = options;
  return async () => {
    const before = time.now() - marginMs;
    if (!lease.held() || !(await areUnconfirmed(database.pool, before))) return everyMs;
    await claimsAreOver(database, () => pause(2));
    const wrong = await correctUnconfirmed(database, before);
    if (wrong > 0) log.warn({ misses: wrong }, 'corrected misses: their occurrences have a run');
    return everyMs;
  };
}
