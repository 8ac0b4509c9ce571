/** What requests of a replica wait with: for the end of a run, and for the next bytes of its log. */

import type { Clock } from '../clock.ts';
import type { Logger } from '../observability/log.ts';
import { readLogEnds } from '../store/logs/read.ts';
import type { Queryable } from '../store/postgres/database.ts';
import { runsOver } from '../store/runs/history.ts';
import { createRunLogs, type RunLogs } from '../usecases/logs/logs.ts';
import { createRunWaiters, type RunWaiters } from '../usecases/runs/run-waiters.ts';

export type Waiting = {
  runWaiters: RunWaiters;
  logs: RunLogs;
  /** Called when a run has ended on some replica. */
  look(): void;
};

/** `logLimit` is in bytes. */
export function createWaiting(
  db: Queryable,
  { logLimit: limit }: { logLimit: number },
  { clock, log }: { clock: Clock; log: Logger },
): Waiting {
  const runWaiters = createRunWaiters((ids) => runsOver(db, ids), clock, log);
  const logs = createRunLogs((ids) => readLogEnds(db, ids), { limit, clock, log });
  return {
    runWaiters,
    logs,
    look() {
      runWaiters.look();
      logs.look();
    },
  };
}
