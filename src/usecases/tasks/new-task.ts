/** Turns the input of a new task into the task that is stored. */

import type { Warning } from '../../domain/input/warning.ts';
import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import { restoreCredentials } from '../../domain/task/credentials.ts';
import { activeFromFor, checkOccurs, readTask, type TaskInput } from '../../domain/task/task.ts';
import { ok } from '../../errors.ts';
import type { Task } from '../../store/tasks/row.ts';
import type { NewTask } from '../../store/tasks/tasks.ts';
import { taskContext, type UseCaseContext } from '../context.ts';
import { refusalOfGap } from '../quotas.ts';
import { meaningless, type Outcome } from '../refusal.ts';
import { authorOf, type Caller } from '../use-case.ts';
import { warnOfOldZones } from '../zones.ts';

/** The form of every member has been checked. Without an id the task gets a new one. */
export type NewTaskInput = TaskInput & { id?: string | null };

/** A task that has just been stored, and the warnings for its creator. */
export type CreatedTask = { task: Task; warnings: readonly Warning[] };

/** The task to be stored. Warnings for the caller are added to `warnings`. */
export function newTask(
  context: UseCaseContext,
  caller: Caller,
  { id, ...input }: NewTaskInput,
  warnings: Warning[],
): Outcome<NewTask> {
  const { now, calendar, targets } = context;
  const taskId = id ?? timeOrderedId(now(), context.random);
  const given = restoreCredentials(input, null, targets);
  if (!given.ok) return meaningless(given.errors);
  const read = readTask(taskId, given.value, taskContext(context, caller.namespace, warnings));
  if (!read.ok) return meaningless(read.errors);
  const definition = read.value;
  warnOfOldZones(context, definition.schedule, warnings);
  const activeFrom = activeFromFor(definition.schedule, now());
  const occurs = definition.status === 'active' ? checkOccurs(definition, activeFrom, calendar) : null;
  if (occurs?.ok === false) return meaningless(occurs.errors);
  const refused = refusalOfGap(context, caller.namespace, definition);
  if (refused !== null) return refused;
  return ok({ namespace: caller.namespace, id: taskId, definition, activeFrom, author: authorOf(caller) });
}
