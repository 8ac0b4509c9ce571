/** `/tasks/:id`: read, replace, patch, delete. */

import { Type } from 'typebox';
import type { TaskInput } from '../../../domain/task/task.ts';
import type { Task } from '../../../store/tasks/row.ts';
import { deleteTask } from '../../../usecases/changes/delete-task.ts';
import { patchTask } from '../../../usecases/changes/patch-task.ts';
import { putTask } from '../../../usecases/changes/put-task.ts';
import { getTask } from '../../../usecases/tasks/get-task.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { etagOf, expectedBy, isKnownTo } from '../../input/preconditions.ts';
import type { Validation } from '../../input/validation.ts';
import { valueOrThrow } from '../../outcome.ts';
import { creationOf, sendCreation, sendTask } from '../../output/send-task.ts';
import { taskIdParams } from '../../schemas/schemas.ts';

export function taskRoutes(app: App, context: HttpContext, validation: Validation): void {
  const faultsIn = validation.body(Type.Ref('TaskInput#'));

  app.get(
    '/tasks/:id',
    {
      config: { role: getTask.needs },
      schema: {
        summary: 'Read a task',
        tags: ['tasks'],
        params: taskIdParams,
        response: { 200: Type.Ref('Task#'), 304: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const isKnown = (task: Task) => isKnownTo(request, task);
      const found = valueOrThrow(await getTask(context, callerOf(request), { id, isKnown }));
      if (found.isKnown) return reply.code(304).header('etag', etagOf(found.task)).send();
      return sendTask(reply, context, found);
    },
  );

  app.put(
    '/tasks/:id',
    {
      config: { role: putTask.needs },
      schema: {
        summary: 'Create or replace a task',
        tags: ['tasks'],
        params: taskIdParams,
        body: Type.Ref('TaskInput#'),
        response: { 200: Type.Ref('Task#'), 201: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const createOnly = request.headers['if-none-match'] === '*';
      const wanted = { id, input: request.body as TaskInput, createOnly, expected: expectedBy(request) };
      const { created, warnings, ...put } = valueOrThrow(await putTask(context, callerOf(request), wanted));
      return created
        ? sendCreation(reply, creationOf(put.task, context, request, warnings))
        : sendTask(reply, context, put, warnings);
    },
  );

  app.patch(
    '/tasks/:id',
    {
      config: { role: patchTask.needs },
      schema: {
        summary: 'Change some fields of a task (RFC 7396)',
        tags: ['tasks'],
        consumes: ['application/merge-patch+json', 'application/json'],
        params: taskIdParams,
        body: Type.Object({}, { description: 'A merge patch of the fields of TaskInput.' }),
        response: { 200: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      const wanted = { id, patch: request.body, expected: expectedBy(request), faultsIn };
      const { warnings, ...patched } = valueOrThrow(await patchTask(context, callerOf(request), wanted));
      return sendTask(reply, context, patched, warnings);
    },
  );

  app.delete(
    '/tasks/:id',
    {
      config: { role: deleteTask.needs },
      schema: {
        summary: 'Delete a task; its runs stay',
        tags: ['tasks'],
        params: taskIdParams,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { id } = request.params as { id: string };
      valueOrThrow(await deleteTask(context, callerOf(request), { id, expected: expectedBy(request) }));
      return reply.code(204).send();
    },
  );
}
