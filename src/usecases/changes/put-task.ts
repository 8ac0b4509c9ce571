/** Replaces a task, or creates it where there is none of its id. */

import type { Warning } from '../../domain/input/warning.ts';
import type { TaskInput } from '../../domain/task/task.ts';
import { ok } from '../../errors.ts';
import type { Task } from '../../store/tasks/row.ts';
import { findTask } from '../../store/tasks/tasks.ts';
import type { UseCaseContext } from '../context.ts';
import { type Outcome, refuse } from '../refusal.ts';
import { refusalOfSecrets } from '../secrets/task-secrets.ts';
import { asOfNow, type TaskNow } from '../tasks/get-task.ts';
import { newTask } from '../tasks/new-task.ts';
import { outcomeOf, storeTasks } from '../tasks/store-tasks.ts';
import { authorOf, type Caller, useCase } from '../use-case.ts';
import { untilWritten } from './change-task.ts';
import { type Expected, otherVersion } from './expected.ts';
import { replaceTask } from './replace-task.ts';

/** The form of `input` has been checked. `createOnly`: a task that exists is left alone. */
type PutTask = { id: string; input: TaskInput; createOnly: boolean; expected: Expected | null };

type Put = TaskNow & { created: boolean; warnings: readonly Warning[] };

export const putTask = useCase('admin', async (context, caller, put: PutTask): Promise<Outcome<Put>> => {
  const done = await untilWritten(context, () => attempt(context, caller, put));
  if (!done.ok) return done;
  const { task, created, warnings } = done.value;
  return ok({ ...(created ? { task, lastRun: null } : await asOfNow(context, task)), created, warnings });
});

type Attempted = { task: Task; created: boolean; warnings: readonly Warning[] };

/** Null where another caller was faster. */
async function attempt(
  context: UseCaseContext,
  caller: Caller,
  { id, input, createOnly, expected }: PutTask,
): Promise<Outcome<Attempted | null>> {
  const warnings: Warning[] = [];
  const current = await findTask(context.database.pool, caller.namespace, id);
  if (!current) {
    if (expected !== null) return refuse('precondition_failed', 'the task does not exist');
    const item = newTask(context, caller, { ...input, id }, warnings);
    if (!item.ok) return item;
    const refused = await refusalOfSecrets(context, caller.namespace, item.value.definition);
    if (refused !== null) return refused;
    const [stored = null] = await storeTasks(context, [item.value]);
    if (stored === null) return ok(null);
    const task = outcomeOf(stored, item.value);
    return task.ok ? ok({ task: task.value, created: true, warnings }) : task;
  }
  if (createOnly) return refuse('precondition_failed', `a task with the id "${id}" exists`);
  const other = otherVersion(expected, current);
  if (other) return other;
  const replaced = await replaceTask(context, authorOf(caller), current, input, warnings);
  return replaced.ok ? ok(replaced.value && { task: replaced.value, created: false, warnings }) : replaced;
}
