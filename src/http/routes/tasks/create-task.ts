/** `POST /tasks`. */

import { Type } from 'typebox';
import { createTask } from '../../../usecases/tasks/create-task.ts';
import type { CreatedTask, NewTaskInput } from '../../../usecases/tasks/new-task.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { idempotencyKey } from '../../input/idempotency.ts';
import { valueOrThrow } from '../../outcome.ts';
import { type Creation, creationOf, sendCreation } from '../../output/send-task.ts';

export function createTaskRoutes(app: App, context: HttpContext): void {
  app.post(
    '/tasks',
    {
      config: { role: createTask.needs },
      schema: {
        summary: 'Create a task',
        tags: ['tasks'],
        headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) }),
        body: Type.Ref('NewTaskInput#'),
        response: { 201: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      const input = request.body as NewTaskInput;
      const key = idempotencyKey(request);
      const answerOf = ({ task, warnings }: CreatedTask) => creationOf(task, context, request, warnings);
      const created = await createTask<Creation>(context, callerOf(request), { input, key, answerOf });
      const { answer, replayed } = valueOrThrow(created);
      if (replayed) reply.header('idempotency-replayed', 'true');
      return sendCreation(reply, answer);
    },
  );
}
