/** Keeps the counts behind `GET /stats`: counts what has ended, copies minutes into hours, deletes old counts. */

import { minutesKeptMs } from '../../domain/stats/stats.ts';
import type { Database } from '../../store/postgres/database.ts';
import { copyToHours, deleteOldHours, deleteOldMinutes } from '../../store/stats/hours.ts';
import { rollUp } from '../../store/stats/roll-up.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';

export type RollUpOptions = {
  database: Database;
  time: Pick<DatabaseTime, 'now'>;
  lease: Pick<Lease, 'held'>;
  /** Hours older than this go, in milliseconds. */
  retentionMs: number;
};

const everyMs = 15_000;
const pauseMs = 50;
/** So a pass takes a tenth of a second, even where it has a long history to catch up with. */
const limits = { runs: 20_000, behindMs: 20_000 };
/** Between the passes of all replicas. */
const restMs = 10_000;
/** Five minutes at the usual pace. */
const passesCopied = 20;
const deletedAtOnce = 5_000;

/** The step of its loop. Replicas take turns: a row lock lets one of them count at a time. */
export function createRollUpStep({ database, time, lease, retentionMs }: RollUpOptions): () => Promise<number> {
  const db = database.pool;
  let hasMore = false;
  return async () => {
    if (!lease.held()) return everyMs;
    const counted = await rollUp(database, { ...limits, restMs: hasMore ? 0 : restMs });
    hasMore = counted?.more ?? false;
    if (counted === null) return everyMs;
    const copied = await copyToHours(database, passesCopied);
    const minutes = await deleteOldMinutes(db, time.now() - minutesKeptMs, deletedAtOnce);
    const hours = await deleteOldHours(db, time.now() - retentionMs, deletedAtOnce);
    return hasMore || copied || minutes === deletedAtOnce || hours === deletedAtOnce ? pauseMs : everyMs;
  };
}
