/** Lets go of what nobody needs any more: old history, used idempotency keys, dead replicas. */

import type { Queryable } from '../store/database.ts';
import { forgetKeys } from '../store/idempotency.ts';
import { forgetDeadReplicas } from '../store/replicas.ts';
import { deleteOldRuns } from '../store/runs.ts';
import { forgetTombstones } from '../store/tombstones.ts';
import type { DatabaseTime } from './database-time.ts';
import type { Lease } from './lease.ts';

export type HousekeepingOptions = {
  db: Queryable;
  time: DatabaseTime;
  retentionMs: number;
  lease: Pick<Lease, 'held'>;
};

const batchSize = 1_000;
const pauseMs = 50;
const idleMs = 60_000;
const keysKeptMs = 24 * 3_600_000;

/** Works in small batches with pauses, so that no writer waits for it. */
export function createHousekeepingStep({ db, time, retentionMs, lease }: HousekeepingOptions): () => Promise<number> {
  return async () => {
    if (!lease.held()) return idleMs;
    const before = time.now() - retentionMs;
    if ((await deleteOldRuns(db, before, batchSize)) === batchSize) return pauseMs;
    await forgetTombstones(db, before, batchSize);
    await forgetKeys(db, time.now() - keysKeptMs);
    await forgetDeadReplicas(db);
    return idleMs;
  };
}
