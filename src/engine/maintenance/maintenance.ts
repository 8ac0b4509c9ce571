/**
 * Deletes rows that are no longer needed: old history, its logs, old audit, used idempotency keys, bulk changes, dead
 * replicas, starts of rates, sessions. Repeats changes of quotas whose replica died in the middle.
 */

import { sessionIdleMs } from '../../domain/access/session.ts';
import { forgetSessions } from '../../store/access/sessions.ts';
import { deleteOldAudit } from '../../store/audit/audit.ts';
import { forgetBulks } from '../../store/bulk/bulks.ts';
import { forgetKeys } from '../../store/cluster/idempotency.ts';
import { forgetDeadReplicas } from '../../store/cluster/replicas.ts';
import { deleteOldEvents } from '../../store/events/events.ts';
import { forgetReadEvents } from '../../store/events/outbox.ts';
import { forgetGroups, forgetStarts } from '../../store/limits/state.ts';
import { deleteLogsWithoutRun } from '../../store/logs/cleaning.ts';
import type { Database } from '../../store/postgres/database.ts';
import { deleteOldRuns } from '../../store/runs/history.ts';
import { followQuota, namespacesToFollow } from '../../store/tasks/follow-quota.ts';
import { forgetCreations } from '../../store/tasks/quotas.ts';
import { forgetTombstones } from '../../store/tasks/tombstones.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import { createNamespaceCleaner } from './namespace-history.ts';

export type MaintenanceOptions = {
  database: Database;
  time: DatabaseTime;
  retentionMs: number;
  auditRetentionMs: number;
  lease: Pick<Lease, 'held'>;
  /** Resolves after so many milliseconds. */
  pause: (ms: number) => Promise<void>;
};

const batchSize = 1_000;
const pauseMs = 50;
const idleMs = 60_000;
/** Many logs are looked at less often: each page costs a few milliseconds. */
const pausePerLogPageMs = 500;
const keysKeptMs = 24 * 3_600_000;
const bulksKeptMs = 7 * 24 * 3_600_000;
/** Longer than any rate's period. */
const startsKeptMs = 48 * 3_600_000;

/** Works in small batches with pauses, so that no writer waits for it. */
export function createMaintenanceStep({
  database,
  time,
  retentionMs,
  auditRetentionMs,
  lease,
  pause,
}: MaintenanceOptions): () => Promise<number> {
  const db = database.pool;
  let runsFrom: string | null = null;
  let eventsFrom: number | null = 0;
  let logsFrom: string | null = null;
  let logPages = 0;
  let nextLogs = 0;
  const cleanNamespaces = createNamespaceCleaner(db, time, batchSize);
  return async () => {
    if (!lease.held()) return idleMs;
    if ((await forgetReadEvents(db, batchSize)) === batchSize) return pauseMs;
    const before = time.now() - retentionMs;
    runsFrom = (await deleteOldRuns(db, before, runsFrom, batchSize)).next;
    if (runsFrom !== null) return pauseMs;
    eventsFrom = await deleteOldEvents(db, before, eventsFrom ?? 0, batchSize);
    if (eventsFrom !== null) return pauseMs;
    if (await cleanNamespaces()) return pauseMs;
    if (time.now() >= nextLogs) {
      logsFrom = await deleteLogsWithoutRun(db, logsFrom, batchSize);
      logPages++;
      if (logsFrom !== null) return pauseMs;
      nextLogs = time.now() + (logPages - 1) * pausePerLogPageMs;
      logPages = 0;
    }
    if ((await deleteOldAudit(db, time.now() - auditRetentionMs, batchSize)) === batchSize) return pauseMs;
    await forgetTombstones(db, before, batchSize);
    await forgetKeys(db, time.now() - keysKeptMs);
    await forgetBulks(db, time.now() - bulksKeptMs);
    await forgetDeadReplicas(db, time.now());
    await forgetGroups(database);
    await forgetSessions(db, time.now(), time.now() - sessionIdleMs);
    await forgetStarts(db, time.now() - startsKeptMs);
    await forgetCreations(db);
    for (const id of await namespacesToFollow(db)) await followQuota(database, id, () => pause(2));
    return idleMs;
  };
}
