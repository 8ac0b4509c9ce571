/** Ends held attempts whose holder sent no heartbeat in time. */

import { namespaceMember } from '../../domain/access/namespace.ts';
import type { Logger } from '../../observability/log.ts';
import type { Database } from '../../store/postgres/database.ts';
import { endSilent } from '../../store/runs/completing/long-work.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { RunObserver } from './run-log.ts';

export type HeartbeatOptions = {
  database: Database;
  time: DatabaseTime;
  log: Logger;
  lease: Pick<Lease, 'held'>;
  random: () => number;
  runs: Pick<RunObserver, 'ended'>;
  /** A run waits for its next attempt at this instant. */
  onWaiting: (at: number) => void;
};

const batchSize = 200;
const pollMs = 1_000;

/** The step of its loop. Safe to do from several replicas at the same time. */
export function createHeartbeatStep(options: HeartbeatOptions): () => Promise<number> {
  const { database, time, log, lease, random, runs, onWaiting } = options;
  return async () => {
    if (!lease.held()) return pollMs;
    const ended = await endSilent(database, batchSize, time.now(), random);
    for (const { retryAt, ...run } of ended) {
      log.warn(
        { ...namespaceMember(run.namespace), taskId: run.taskId, runId: run.runId, status: run.status },
        'the holder of a run sent no heartbeat in time',
      );
      runs.ended(run);
      onWaiting(retryAt ?? time.now());
    }
    return ended.length === batchSize ? 0 : pollMs;
  };
}
