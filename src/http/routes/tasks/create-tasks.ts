/** `POST /tasks/batch`. */

import { Type } from 'typebox';
import { ok } from '../../../errors.ts';
import { malformed, type Outcome, refuse } from '../../../usecases/refusal.ts';
import { createTasks } from '../../../usecases/tasks/create-tasks.ts';
import type { NewTaskInput } from '../../../usecases/tasks/new-task.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { faultsInText, isLargerThan } from '../../input/storable-text.ts';
import type { Validation } from '../../input/validation.ts';
import { problemFor, valueOrThrow } from '../../outcome.ts';
import { taskView } from '../../output/views.ts';
import { problemOf } from '../../problems.ts';
import { closed } from '../../schemas/schemas.ts';

/** As many as a single task may have bytes. */
const mostItemCharacters = 256 * 1024;

export function createTasksRoutes(app: App, context: HttpContext, validation: Validation): void {
  const { now, turns } = context;
  const faultsIn = validation.body(Type.Ref('NewTaskInput#'));

  /** An item as the input of a task where it has that form. */
  function inputOf(item: unknown): Outcome<NewTaskInput> {
    if (isLargerThan(item, mostItemCharacters))
      return refuse('too_large', 'each task of a batch may have at most 256 KiB');
    const errors = faultsIn(item);
    if (errors.length === 0) errors.push(...faultsInText({ body: item }));
    return errors.length > 0 ? malformed(errors) : ok(item as NewTaskInput);
  }

  app.post(
    '/tasks/batch',
    {
      config: { role: createTasks.needs, anyText: true },
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
      const inputs: Outcome<NewTaskInput>[] = [];
      for (const item of items) {
        await turns.take();
        inputs.push(inputOf(item));
      }
      const outcomes = valueOrThrow(await createTasks(context, callerOf(request), inputs));
      const at = now();
      const answers: object[] = [];
      for (const outcome of outcomes) {
        await turns.take();
        if (outcome.ok) {
          const { task, warnings } = outcome.value;
          const view = taskView(task, null, at, context, request.acting.role);
          answers.push({ status: 201, task: { ...view, warnings } });
        } else {
          const problem = problemOf(problemFor(outcome.errors), request);
          answers.push({ status: problem.status, problem });
        }
      }
      return { items: answers };
    },
  );
}
