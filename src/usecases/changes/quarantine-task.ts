/** Stops a task that does harm, and tells why in its events. */

import { ok } from '../../errors.ts';
import { findTask } from '../../store/tasks/tasks.ts';
import { authorOf, useCase } from '../use-case.ts';
import { changeTask } from './change-task.ts';

/** `reason` is a sentence for the event of the task. */
type QuarantineTask = { id: string; reason: string };

/** A start ends it. True when it was stopped, false when it is not active or another caller has just changed it. */
export const quarantineTask = useCase('admin', async (context, caller, { id, reason }: QuarantineTask) => {
  const task = await findTask(context.database.pool, caller.namespace, id);
  if (task?.definition.status !== 'active') return ok(false);
  const wish = { definition: task.definition, status: 'stopped' as const, catchUp: 'skip' as const };
  const event = { type: 'quarantined', changes: { reason } };
  const stopped = await changeTask(context, task, { type: 'stopped', wish, author: authorOf(caller), event });
  return stopped.ok ? ok(stopped.value !== null) : stopped;
});
