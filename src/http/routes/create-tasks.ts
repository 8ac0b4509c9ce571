/** `POST /tasks` and `/tasks/batch`. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Warning } from '../../domain/input/warning.ts';
import type { TaskInput } from '../../domain/task/task.ts';
import { oncePerKey } from '../../store/cluster/idempotency.ts';
import { createTaskInserts } from '../../store/tasks/inserts.ts';
import type { Task } from '../../store/tasks/row.ts';
import { insertTasks, type NewTask } from '../../store/tasks/tasks.ts';
import type { App, HttpContext } from '../context.ts';
import { keyedRequest } from '../input/idempotency.ts';
import { faultsInText, isLargerThan } from '../input/storable-text.ts';
import type { Validation } from '../input/validation.ts';
import { creationOf, newTask, sendCreation, taskExists } from '../new-task.ts';
import { taskView } from '../output/views.ts';
import { invalidField, ProblemError, problemOf } from '../problems.ts';
import { closed } from '../schemas/schemas.ts';

/** As many as a single task may have bytes. */
const mostItemCharacters = 256 * 1024;

export function createTaskRoutes(app: App, context: HttpContext, validation: Validation): void {
  const { database, now, turns } = context;
  const db = database.pool;
  const insertTask = createTaskInserts(db);
  const checkNewTask = validation.body(Type.Ref('NewTaskInput#'));

  /** What is to be stored for one item of a batch, or why it cannot be. */
  function readItem(request: FastifyRequest, item: unknown, warnings: Warning[]): NewTask | ProblemError {
    try {
      if (isLargerThan(item, mostItemCharacters))
        throw new ProblemError('too_large', 'one task of a batch may be as large as a single one: 256 KiB');
      const errors = checkNewTask(item);
      if (errors.length === 0) errors.push(...faultsInText({ body: item }));
      if (errors.length > 0) throw invalidField(errors);
      return newTask(context, request, item as TaskInput, warnings);
    } catch (error) {
      if (error instanceof ProblemError) return error;
      throw error;
    }
  }

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
      const create = async (insert: (item: NewTask) => Promise<Task | null | undefined>) => {
        const warnings: Warning[] = [];
        const item = newTask(context, request, request.body as TaskInput, warnings);
        const task = await insert(item);
        if (!task) throw taskExists(item.id);
        return creationOf(task, context, request, warnings);
      };
      const keyed = keyedRequest(request, 'create');
      if (keyed === null) {
        const creation = await create((item) => insertTask(item, now()));
        context.signal('tasks');
        return sendCreation(reply, creation);
      }
      // The definition is read only when the key is new: what it names may have passed when it is repeated.
      const outcome = await oncePerKey(database, keyed, now(), async (client) => ({
        answer: await create(async (item) => (await insertTasks(client, [item], now()))[0]),
        remember: true,
      }));
      if (outcome.kind === 'mismatch')
        throw new ProblemError('idempotency_mismatch', 'this Idempotency-Key came with another body before');
      context.signal('tasks');
      if (outcome.kind === 'replayed') reply.header('idempotency-replayed', 'true');
      return sendCreation(reply, outcome.answer);
    },
  );

  app.post(
    '/tasks/batch',
    {
      config: { role: 'admin', anyText: true },
      bodyLimit: 4 * 1024 * 1024,
      schema: {
        summary: 'Create many tasks, each on its own',
        tags: ['tasks'],
        body: closed(
          {
            items: Type.Array(Type.Unknown({ shownAs: { $ref: 'NewTaskInput#' } }), { minItems: 1, maxItems: 1_000 }),
          },
          { named: 'TaskBatchInput' },
        ),
        response: {
          200: Type.Object(
            {
              items: Type.Array(
                Type.Object(
                  {
                    status: Type.Integer(),
                    task: Type.Optional(Type.Ref('Task#')),
                    problem: Type.Optional(Type.Ref('Problem#')),
                  },
                  { named: 'TaskBatchItem' },
                ),
              ),
            },
            { named: 'TaskBatch' },
          ),
        },
      },
    },
    async (request) => {
      const { items } = request.body as { items: unknown[] };
      const read: { item: NewTask | ProblemError; warnings: Warning[] }[] = [];
      for (const item of items) {
        await turns.take();
        const warnings: Warning[] = [];
        read.push({ item: readItem(request, item, warnings), warnings });
      }
      const good = read.flatMap(({ item }) => (item instanceof ProblemError ? [] : [item]));
      const stored = good.length === 0 ? [] : await insertTasks(db, good, now());
      if (stored.some((task) => task !== null)) context.signal('tasks');
      const at = now();
      const answers: object[] = [];
      let place = 0;
      for (const { item, warnings } of read) {
        await turns.take();
        const task = item instanceof ProblemError ? null : stored[place++];
        if (task) {
          const view = taskView(task, undefined, at, context, request.actor.role);
          answers.push({ status: 201, task: { ...view, warnings } });
        } else {
          const problem = problemOf(item instanceof ProblemError ? item : taskExists(item.id), request);
          answers.push({ status: problem.status, problem });
        }
      }
      return { items: answers };
    },
  );
}
