/** Takes up the runs of replicas that died. */

import type { Logger } from '../log.ts';
import type { Queryable } from '../store/database.ts';
import { takeOrphans } from '../store/replicas.ts';
import type { Lease } from './lease.ts';

export type TakeoverOptions = {
  db: Queryable;
  log: Logger;
  lease: Pick<Lease, 'held'>;
  onTaken: (count: number) => void;
  /** Runs now wait for their next attempt. */
  onRetry: () => void;
};

const batchSize = 500;
const pollMs = 2_000;

export function createTakeoverStep({ db, log, lease, onTaken, onRetry }: TakeoverOptions): () => Promise<number> {
  return async () => {
    if (!lease.held()) return pollMs;
    const orphans = await takeOrphans(db, batchSize);
    for (const { runId, taskId, owner, attempt, status } of orphans)
      log.warn({ runId, taskId, from: owner, attempt, status }, 'took over the run of a replica whose lease is over');
    onTaken(orphans.length);
    if (orphans.some((orphan) => orphan.status === 'retrying')) onRetry();
    return orphans.length === batchSize ? 0 : pollMs;
  };
}
