/** Deletes rows that are no longer needed: old history, used idempotency keys, dead replicas, starts of rates. */

import { forgetKeys } from '../../store/cluster/idempotency.ts';
import { forgetDeadReplicas } from '../../store/cluster/replicas.ts';
import { deleteOldEvents } from '../../store/events/events.ts';
import { forgetReadEvents } from '../../store/events/outbox.ts';
import { forgetGroups, forgetStarts } from '../../store/limits/state.ts';
import type { Database } from '../../store/postgres/database.ts';
import { deleteOldRuns } from '../../store/runs/history.ts';
import { forgetTombstones } from '../../store/tasks/tombstones.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';

export type MaintenanceOptions = {
  database: Database;
  time: DatabaseTime;
  retentionMs: number;
  lease: Pick<Lease, 'held'>;
};

const batchSize = 1_000;
const pauseMs = 50;
const idleMs = 60_000;
const keysKeptMs = 24 * 3_600_000;
/** Longer than any rate's period. */
const startsKeptMs = 48 * 3_600_000;

/** Works in small batches with pauses, so that no writer waits for it. */
export function createMaintenanceStep({
  database,
  time,
  retentionMs,
  lease,
}: MaintenanceOptions): () => Promise<number> {
  const db = database.pool;
  let runsFrom: string | null = null;
  let eventsFrom: number | null = 0;
  return async () => {
    if (!lease.held()) return idleMs;
    if ((await forgetReadEvents(db, batchSize)) === batchSize) return pauseMs;
    const before = time.now() - retentionMs;
    runsFrom = (await deleteOldRuns(db, before, runsFrom, batchSize)).next;
    if (runsFrom !== null) return pauseMs;
    eventsFrom = await deleteOldEvents(db, before, eventsFrom ?? 0, batchSize);
    if (eventsFrom !== null) return pauseMs;
    await forgetTombstones(db, before, batchSize);
    await forgetKeys(db, time.now() - keysKeptMs);
    await forgetDeadReplicas(db, time.now());
    await forgetGroups(database);
    await forgetStarts(db, time.now() - startsKeptMs);
    return idleMs;
  };
}
