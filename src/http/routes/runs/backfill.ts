/** `/tasks/:id/backfill`: runs for a past range. */

import { Type } from 'typebox';
import { formatInstant } from '../../../domain/input/instant.ts';
import { backfillTask } from '../../../usecases/runs/backfill-task.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { neededInstant } from '../../input/parameters.ts';
import { valueOrThrow } from '../../outcome.ts';
import { closed, taskIdParams } from '../../schemas/schemas.ts';

const mostRuns = 10_000;
const usualRuns = 100;

export function backfillRoutes(app: App, context: HttpContext): void {
  app.post(
    '/tasks/:id/backfill',
    {
      config: { role: backfillTask.needs },
      schema: {
        summary: 'Run the occurrences of a past range that have no run yet',
        tags: ['tasks'],
        params: taskIdParams,
        body: closed(
          {
            from: Type.String({ maxLength: 40, description: 'First instant.' }),
            to: Type.String({ maxLength: 40, description: 'Where the range ends; not part of it. Not in the future.' }),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: mostRuns, default: usualRuns })),
          },
          { named: 'BackfillInput' },
        ),
        response: {
          202: Type.Object(
            {
              created: Type.Integer({ description: 'Runs that were made.' }),
              existing: Type.Integer({ description: 'Occurrences that had their run already.' }),
              nextFrom: Type.Unsafe({
                type: ['string', 'null'],
                format: 'date-time',
                description: 'The first occurrence of the range that `limit` left out.',
              }),
            },
            { named: 'Backfill' },
          ),
        },
      },
    },
    async (request, reply) => {
      const { id: taskId } = request.params as { id: string };
      const { from, to, limit = usualRuns } = request.body as { from: string; to: string; limit?: number };
      const range = { taskId, from: neededInstant('from', from), to: neededInstant('to', to), limit };
      const { nextFrom, ...made } = valueOrThrow(await backfillTask(context, callerOf(request), range));
      return reply
        .code(202)
        .header('location', `/tasks/${taskId}/runs?trigger=catch_up`)
        .send({ ...made, nextFrom: nextFrom === null ? null : formatInstant(nextFrom) });
    },
  );
}
