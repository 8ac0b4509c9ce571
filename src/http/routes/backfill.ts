/** `/tasks/:id/backfill`: runs for a past range. */

import { Type } from 'typebox';
import { formatInstant } from '../../domain/input/instant.ts';
import { occurrencesUpTo } from '../../domain/schedule/occurrence-count.ts';
import { timingOf } from '../../domain/task/task.ts';
import { insertBackfill } from '../../store/runs/backfill.ts';
import { inTurns } from '../../turns.ts';
import { refusalOfOldZones } from '../../usecases/zones.ts';
import { type App, authorOf, type HttpContext } from '../context.ts';
import { instantParameter } from '../input/parameters.ts';
import { liveTask } from '../live-task.ts';
import { problemFor } from '../outcome.ts';
import { notFound, unprocessable } from '../problems.ts';
import { closed, taskIdParams } from '../schemas/schemas.ts';

const mostRuns = 10_000;
const usualRuns = 100;

export function backfillRoutes(app: App, context: HttpContext): void {
  const { database, calendar, now, turns } = context;

  app.post(
    '/tasks/:id/backfill',
    {
      config: { role: 'operator' },
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
      const { from, to, limit = usualRuns } = request.body as { from: string; to: string; limit?: number };
      const start = instantParameter('from', from) as number;
      const end = instantParameter('to', to) as number;
      if (end <= start) throw unprocessable([{ pointer: '#/to', detail: 'must lie after from' }]);
      if (end > now()) throw unprocessable([{ pointer: '#/to', detail: 'must not lie in the future' }]);
      const { uid, id, definition } = await liveTask(context, request);
      const outdated = refusalOfOldZones(context, definition.schedule);
      if (outdated) throw problemFor(outdated.errors);
      const timing = timingOf(uid, definition, start - 1, calendar);
      if (timing === null || 'manual' in definition.schedule)
        throw unprocessable([{ pointer: '#/from', detail: 'the task has no schedule that could give occurrences' }]);
      const instants = await inTurns(occurrencesUpTo(timing, start - 1, end - 1), limit + 1, turns);
      const left = instants[limit];
      instants.splice(limit);
      const created =
        instants.length === 0
          ? 0
          : await insertBackfill(database.pool, context.runIds(), uid, instants, authorOf(request), now());
      if (created === null) throw notFound(`task "${id}"`);
      if (created > 0) context.signal(definition.hooks?.before ? 'checks' : 'waiting');
      return reply
        .code(202)
        .header('location', `/tasks/${id}/runs?trigger=catch_up`)
        .send({
          created,
          existing: instants.length - created,
          nextFrom: left === undefined ? null : formatInstant(left),
        });
    },
  );
}
