/** Stops a task whose template has killed two processes. */

import type { Clock } from '../clock.ts';
import { defaultNamespace } from '../domain/access/namespace.ts';
import { createTrials, type Trials } from '../executors/http/template/trials.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from '../store/postgres/database.ts';
import { beginTrials, endTrials } from '../store/tasks/template-trials.ts';

type TrialOptions = {
  database: Database;
  clock: Clock;
  log: Logger;
  /** This process, a UUID. */
  process: string;
  /** Stops the task of this id; the reason is a sentence for its events. */
  quarantine: (id: string, reason: string) => Promise<unknown>;
};

const reason = 'the process died twice while the template of this task was filled in';

/** Trials that are noted in the database. */
export function templateTrials({ database, clock, log, process, quarantine }: TrialOptions): Trials {
  return createTrials({
    clock,
    begin: (taskIds, atMost) => beginTrials(database.pool, defaultNamespace, taskIds, process, atMost),
    end: (taskIds) => endTrials(database.pool, defaultNamespace, taskIds, process),
    async quarantine(taskId) {
      log.error({ taskId }, `task stopped: ${reason}`);
      await quarantine(taskId, reason);
    },
    onError: (error) => log.warn({ err: error }, 'the first use of a template could not be noted'),
  });
}
