/** From a body of the right form to a task that can be stored, and the answer once it is. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Warning } from '../domain/input/warning.ts';
import { defaultNamespace } from '../domain/namespace.ts';
import { timeOrderedId } from '../domain/schedule/occurrence.ts';
import { restoreCredentials } from '../domain/task/credentials.ts';
import { activeFromFor, checkOccurs, readTask, type TaskInput } from '../domain/task/task.ts';
import type { Task } from '../store/tasks/row.ts';
import type { NewTask } from '../store/tasks/tasks.ts';
import { taskContext } from '../usecases/context.ts';
import { warnOfOldZones } from '../usecases/zones.ts';
import { authorOf, type HttpContext } from './context.ts';
import { etagOf } from './input/preconditions.ts';
import { taskView } from './output/views.ts';
import { ProblemError, unprocessable } from './problems.ts';

/** What is to be stored for a body that has the right form, and what to tell about it in `warnings`; throws a 422. */
export function newTask(
  context: HttpContext,
  request: FastifyRequest,
  { id, ...input }: TaskInput & { id?: string | null },
  warnings: Warning[],
): NewTask {
  const { now, calendar, targets } = context;
  const taskId = id ?? timeOrderedId(now(), context.random);
  const given = restoreCredentials(input, null, targets);
  if (!given.ok) throw unprocessable(given.errors);
  const read = readTask(taskId, given.value, taskContext(context, warnings));
  if (!read.ok) throw unprocessable(read.errors);
  const definition = read.value;
  warnOfOldZones(context, definition.schedule, warnings);
  const activeFrom = activeFromFor(definition.schedule, now());
  const occurs = definition.status === 'active' ? checkOccurs(definition, activeFrom, calendar) : null;
  if (occurs?.ok === false) throw unprocessable(occurs.errors);
  return { namespace: defaultNamespace, id: taskId, definition, activeFrom, author: authorOf(request) };
}

export function taskExists(id: string): ProblemError {
  return new ProblemError('task_exists', `a task with the id "${id}" exists`);
}

/** What a creation is answered with, also when it is asked for again. */
export type Creation = { etag: string; task: { id: string; warnings: readonly Warning[] } };

export function creationOf(
  task: Task,
  context: HttpContext,
  { actor }: FastifyRequest,
  warnings: readonly Warning[],
): Creation {
  return { etag: etagOf(task), task: { ...taskView(task, undefined, context.now(), context, actor.role), warnings } };
}

export function sendCreation(reply: FastifyReply, { etag, task }: Creation) {
  return reply.code(201).header('location', `/tasks/${task.id}`).header('etag', etag).send(task);
}
