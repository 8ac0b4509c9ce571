/** `/tasks/:id/next`: when a task will fire. */

import { Type } from 'typebox';
import { formatInstant } from '../../../domain/input/instant.ts';
import { listNextOccurrences } from '../../../usecases/tasks/next-occurrences.ts';
import { type App, callerOf, type HttpContext, isAwaited } from '../../context.ts';
import { instantParameter } from '../../input/parameters.ts';
import { valueOrThrow } from '../../outcome.ts';
import { closed, countQuery, instantQuery, taskIdParams } from '../../schemas/schemas.ts';

export function nextRoutes(app: App, context: HttpContext): void {
  app.get(
    '/tasks/:id/next',
    {
      config: { role: listNextOccurrences.needs },
      schema: {
        summary: 'When the task will fire',
        tags: ['tasks'],
        params: taskIdParams,
        querystring: closed({ count: countQuery, from: instantQuery }),
        response: {
          200: Type.Object({ items: Type.Array(Type.String({ format: 'date-time' })) }, { named: 'InstantList' }),
        },
      },
    },
    async (request) => {
      const { id } = request.params as { id: string };
      const { count, from } = request.query as { count: number; from?: string };
      const asked = { id, count, after: instantParameter('from', from), isWanted: isAwaited(request) };
      const next = valueOrThrow(await listNextOccurrences(context, callerOf(request), asked));
      return { items: next.map(formatInstant) };
    },
  );
}
