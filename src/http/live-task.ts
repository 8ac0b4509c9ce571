/** Finds the task that a request is about. */

import type { FastifyRequest } from 'fastify';
import { defaultNamespace } from '../domain/namespace.ts';
import type { Task } from '../store/tasks/row.ts';
import { findTask } from '../store/tasks/tasks.ts';
import type { HttpContext } from './context.ts';
import { notFound } from './problems.ts';

/** The task that the path names; throws a 404. */
export async function liveTask(context: HttpContext, request: FastifyRequest): Promise<Task> {
  const { id } = request.params as { id: string };
  const task = await findTask(context.database.pool, defaultNamespace, id);
  if (!task) throw notFound(`task "${id}"`);
  return task;
}
