/** `POST /tasks` and `/tasks/batch`. */

import { Type } from 'typebox';
import type { TaskInput } from '../../domain/task.ts';
import type { Warning } from '../../domain/warning.ts';
import { oncePerKey } from '../../store/idempotency.ts';
import { createTaskInserts } from '../../store/task-inserts.ts';
import { insertTasks, type NewTask } from '../../store/tasks.ts';
import type { App, HttpContext } from '../context.ts';
import { keyedRequest } from '../idempotency.ts';
import { creationOf, newTask, sendCreation, taskExists } from '../new-task.ts';
import { invalidField, ProblemError, problemOf } from '../problems.ts';
import { closed, NewTaskInput } from '../schemas.ts';
import type { Validation } from '../validation.ts';
import { taskView } from '../views.ts';

export function createTaskRoutes(app: App, context: HttpContext, validation: Validation): void {
  const { database, calendar, now } = context;
  const db = database.pool;
  const insertTask = createTaskInserts(db);
  const checkNewTask = validation.body(NewTaskInput);

  app.post(
    '/tasks',
    {
      config: { role: 'admin' },
      schema: {
        summary: 'Create a task',
        tags: ['tasks'],
        headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) }),
        body: Type.Ref('NewTaskInput#'),
        response: { 201: Type.Ref('Task#') },
      },
    },
    async (request, reply) => {
      const warnings: Warning[] = [];
      const item = newTask(context, request, request.body as TaskInput, warnings);
      const keyed = keyedRequest(request, 'create');
      if (keyed === null) {
        const task = await insertTask(item, now());
        if (task === null) throw taskExists(item.id);
        context.signal('tasks');
        return sendCreation(reply, creationOf(task, context, request, warnings));
      }
      const outcome = await oncePerKey(database, keyed, now(), async (client) => {
        const [task] = await insertTasks(client, [item], now());
        return { answer: task ? creationOf(task, context, request, warnings) : null, remember: task != null };
      });
      if (outcome.kind === 'mismatch')
        throw new ProblemError('idempotency_mismatch', 'this Idempotency-Key came with another body before');
      if (outcome.answer === null) throw taskExists(item.id);
      context.signal('tasks');
      if (outcome.kind === 'replayed') reply.header('idempotency-replayed', 'true');
      return sendCreation(reply, outcome.answer);
    },
  );

  app.post(
    '/tasks/batch',
    {
      config: { role: 'admin' },
      bodyLimit: 4 * 1024 * 1024,
      schema: {
        summary: 'Create many tasks, each on its own',
        tags: ['tasks'],
        body: closed({
          items: Type.Array(Type.Unknown({ description: 'As for POST /tasks.' }), { minItems: 1, maxItems: 1_000 }),
        }),
        response: {
          200: Type.Object({
            items: Type.Array(
              Type.Object({
                status: Type.Integer(),
                task: Type.Optional(Type.Ref('Task#')),
                problem: Type.Optional(Type.Ref('Problem#')),
              }),
            ),
          }),
        },
      },
    },
    async (request) => {
      const { items } = request.body as { items: unknown[] };
      const warnings: Warning[][] = items.map(() => []);
      const read = items.map((item, place) => {
        try {
          const errors = checkNewTask(item);
          if (errors.length > 0) throw invalidField(errors);
          return newTask(context, request, item as TaskInput, warnings[place] as Warning[]);
        } catch (error) {
          if (error instanceof ProblemError) return error;
          throw error;
        }
      });
      const good = read.filter((item): item is NewTask => !(item instanceof ProblemError));
      const stored = good.length === 0 ? [] : await insertTasks(db, good, now());
      if (stored.some((task) => task !== null)) context.signal('tasks');
      const at = now();
      return {
        items: read.map((item, place) => {
          const task = item instanceof ProblemError ? null : stored.shift();
          if (task) {
            const view = taskView(task, undefined, at, calendar, request.actor.role);
            return { status: 201, task: { ...view, warnings: warnings[place] } };
          }
          const problem = problemOf(item instanceof ProblemError ? item : taskExists(item.id), request);
          return { status: problem.status, problem };
        }),
      };
    },
  );
}
