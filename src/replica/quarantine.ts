/** Keeps this process from dying of a template again and again: stops the task that two processes have died of. */

import type { Clock } from '../clock.ts';
import { defaultNamespace } from '../domain/namespace.ts';
import type { RunIds } from '../domain/run/ids.ts';
import type { Calendar } from '../domain/schedule/calendar.ts';
import { atOnce } from '../domain/schedule/steps.ts';
import { type Moment, missLeft, revise } from '../domain/task/change.ts';
import { createTrials, type Trials } from '../executors/http/template/trials.ts';
import type { Logger } from '../observability/log.ts';
import { noteEvent, type Redact } from '../store/events/events.ts';
import type { Database } from '../store/postgres/database.ts';
import { cancelRunsOf } from '../store/runs/cancelling.ts';
import { claimsAreOver } from '../store/tasks/barrier.ts';
import { changeTask, resolveMiss, stopReason } from '../store/tasks/changes.ts';
import type { Task } from '../store/tasks/row.ts';
import { findTask } from '../store/tasks/tasks.ts';
import { beginTrials, endTrials } from '../store/tasks/template-trials.ts';

type QuarantineOptions = {
  database: Database;
  runIds: () => RunIds;
  calendar: Calendar;
  clock: Clock;
  log: Logger;
  /** This process, a UUID. */
  process: string;
  /** Hides the credentials of a definition. */
  redact: Redact;
  /** Definitions changed. */
  onChange: () => void;
};

const by = { actor: 'scheduler', requestId: null };
const reason = 'the process died twice while the template of this task was filled in';

/** Trials that are noted in the database. */
export function templateTrials(options: QuarantineOptions): Trials {
  const { database, clock, log, process } = options;
  return createTrials({
    clock,
    begin: (taskIds, atMost) => beginTrials(database.pool, defaultNamespace, taskIds, process, atMost),
    end: (taskIds) => endTrials(database.pool, defaultNamespace, taskIds, process),
    async quarantine(taskId) {
      log.error({ taskId }, `task stopped: ${reason}`);
      await stopTask(taskId, options);
    },
    onError: (error) => log.warn({ err: error }, 'the first use of a template could not be noted'),
  });
}

/** Stops the active task of this id as a stop by hand does, and notes why. A start lifts it. */
async function stopTask(
  taskId: string,
  { database, runIds, calendar, clock, redact, onChange }: QuarantineOptions,
): Promise<void> {
  const task = await findTask(database.pool, defaultNamespace, taskId);
  if (task?.definition.status !== 'active') return;
  const wish = { definition: task.definition, status: 'stopped', catchUp: 'skip' } as const;
  const decide = async (held: Task, moment: Moment) => revise(held, wish, moment, calendar);
  const answer = await changeTask(database, runIds(), task, wish, 'stopped', decide, by, redact);
  // Somebody else has changed it: then it is tried anew.
  if (!answer.ok) return;
  const { at, missed } = answer.changed;
  await noteEvent(database.pool, task.uid, 'quarantined', by, { reason }, at);
  onChange();
  await claimsAreOver(database, () => new Promise((resume) => clock.after(2, resume)));
  if (missed)
    await resolveMiss(database.pool, missed, async (open) =>
      atOnce(missLeft(missed.before, open, missed.miss, calendar)),
    );
  await cancelRunsOf(database.pool, task.uid, 'pending', stopReason, at);
}
