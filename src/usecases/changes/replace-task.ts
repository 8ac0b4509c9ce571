/** Replaces the definition of a task by another one. */

import { isDeepStrictEqual } from 'node:util';
import type { Warning } from '../../domain/input/warning.ts';
import { keepAnchor } from '../../domain/task/change.ts';
import { restoreCredentials } from '../../domain/task/credentials.ts';
import { readTask, type TaskInput } from '../../domain/task/task.ts';
import type { Author } from '../../store/events/events.ts';
import type { Task } from '../../store/tasks/row.ts';
import { taskContext, type UseCaseContext } from '../context.ts';
import { refusalOfGap } from '../quotas.ts';
import { meaningless, type Outcome } from '../refusal.ts';
import { refusalOfSecrets } from '../secrets/task-secrets.ts';
import { warnOfOldZones } from '../zones.ts';
import { changeTask } from './change-task.ts';

/**
 * The task as replaced by an input of the right form; null when another caller changed it since `current` was read.
 * Adds to `warnings`.
 */
export async function replaceTask(
  context: UseCaseContext,
  author: Author,
  current: Task,
  input: TaskInput,
  warnings: Warning[],
): Promise<Outcome<Task | null>> {
  const given = restoreCredentials(input, current.definition, context.targets);
  if (!given.ok) return meaningless(given.errors);
  const read = readTask(current.id, given.value, taskContext(context, current.namespace, warnings), current.definition);
  if (!read.ok) return meaningless(read.errors);
  const refused = await refusalOfSecrets(context, current.namespace, read.value);
  if (refused !== null) return refused;
  warnOfOldZones(context, read.value.schedule, warnings);
  const definition = keepAnchor(current.definition, read.value, input.schedule);
  // A task that goes on as it is may keep a schedule that the quota has forbidden since.
  const before = current.definition;
  const starts = before.status !== 'active' && input.status === 'active';
  if (starts || definition.jitter !== before.jitter || !isDeepStrictEqual(definition.schedule, before.schedule)) {
    const refused = refusalOfGap(context, current.namespace, definition);
    if (refused !== null) return refused;
  }
  const wish = { definition, status: input.status ?? null, catchUp: 'skip' as const };
  return changeTask(context, current, { type: 'updated', wish, author });
}
