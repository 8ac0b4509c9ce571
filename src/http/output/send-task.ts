/** Answers that are one task, with the tag of its version. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Warning } from '../../domain/input/warning.ts';
import type { Task } from '../../store/tasks/row.ts';
import type { TaskNow } from '../../usecases/tasks/get-task.ts';
import type { HttpContext } from '../context.ts';
import { etagOf } from '../input/preconditions.ts';
import { taskView } from './views.ts';

/** Sends a task; the answer to a write has `warnings`. */
export function sendTask(
  reply: FastifyReply,
  context: HttpContext,
  { task, lastRun }: TaskNow,
  warnings?: readonly Warning[],
): FastifyReply {
  const view = taskView(task, lastRun, context.now(), context, reply.request.acting.role);
  return reply.header('etag', etagOf(task)).send(warnings ? { ...view, warnings } : view);
}

/** The answer to a creation, also when it is asked for again. */
export type Creation = { etag: string; task: { id: string; warnings: readonly Warning[] } };

export function creationOf(
  task: Task,
  context: HttpContext,
  { acting }: FastifyRequest,
  warnings: readonly Warning[],
): Creation {
  return { etag: etagOf(task), task: { ...taskView(task, null, context.now(), context, acting.role), warnings } };
}

export function sendCreation(reply: FastifyReply, { etag, task }: Creation): FastifyReply {
  return reply.code(201).header('location', `/tasks/${task.id}`).header('etag', etag).send(task);
}
