/** Stops a task whose template has killed two processes. */

import type { Clock } from '../clock.ts';
import { namespaceMember } from '../domain/access/namespace.ts';
import { createTrials, type Trials } from '../executors/http/template/trials.ts';
import type { Logger } from '../observability/log.ts';
import type { Database } from '../store/postgres/database.ts';
import { beginTrials, endTrials, type TrialTask } from '../store/tasks/template-trials.ts';

type TrialOptions = {
  database: Database;
  clock: Clock;
  log: Logger;
  /** This process, a UUID. */
  process: string;
  /** Stops this task; the reason is a sentence for its events. */
  quarantine: (task: TrialTask, reason: string) => Promise<unknown>;
};

const reason = 'the process died twice while the template of this task was filled in';

/** Trials that are noted in the database. */
export function templateTrials({ database, clock, log, process, quarantine }: TrialOptions): Trials {
  return createTrials({
    clock,
    async begin(tasks, atMost) {
      const died = await beginTrials(database.pool, tasks.map(taskNamed), process, atMost);
      return new Map(died.map(({ namespace, id, died: count }) => [`${namespace}/${id}`, count]));
    },
    end: (tasks) => endTrials(database.pool, tasks.map(taskNamed), process),
    async quarantine(name) {
      const task = taskNamed(name);
      log.error({ ...namespaceMember(task.namespace), taskId: task.id }, `task stopped: ${reason}`);
      await quarantine(task, reason);
    },
    onError: (error) => log.warn({ err: error }, 'the first use of a template could not be noted'),
  });
}

/** The executor names a task by namespace and id, with a slash between them, which neither may have. */
function taskNamed(name: string): TrialTask {
  const [namespace = '', id = ''] = name.split('/');
  return { namespace, id };
}
