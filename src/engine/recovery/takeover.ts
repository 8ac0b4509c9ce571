/** Takes over the runs of dead replicas. */

import { namespaceMember } from '../../domain/access/namespace.ts';
import type { NoteRuns } from '../../live/live.ts';
import type { Logger } from '../../observability/log.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Database } from '../../store/postgres/database.ts';
import { type RescuedRun, rescueRunsOfDead } from '../../store/runs/recovery/stuck-runs.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';

export type TakeoverOptions = {
  database: Database;
  time: DatabaseTime;
  log: Logger;
  lease: Pick<Lease, 'held'>;
  metrics: Pick<Metrics, 'takenOver'>;
  noteRuns: NoteRuns;
  /** Runs of dead owners were taken over. */
  onTaken: () => void;
  /** Runs now wait for their next attempt. */
  onRetry: () => void;
};

const batchSize = 500;
const pollMs = 2_000;

export function createTakeoverStep(options: TakeoverOptions): () => Promise<number> {
  const { database, time, log, lease, metrics, noteRuns, onTaken, onRetry } = options;
  return async () => {
    if (!lease.held()) return pollMs;
    const rescued = await rescueRunsOfDead(database, batchSize, time.now());
    for (const { namespace, taskId } of rescued) noteRuns(namespace, taskId);
    tellOf(rescued, log, 'took over the run of a replica whose lease is over');
    metrics.takenOver(rescued.length);
    if (rescued.length > 0) onTaken();
    if (rescued.some((stuckRun) => stuckRun.status === 'retrying')) onRetry();
    return rescued.length === batchSize ? 0 : pollMs;
  };
}

/** One line for each run that was taken away from its owner. */
export function tellOf(rescued: readonly RescuedRun[], log: Logger, what: string): void {
  for (const { namespace, runId, taskId, owner, attempt, status } of rescued)
    log.warn({ ...namespaceMember(namespace), runId, taskId, from: owner, attempt, status }, what);
}
