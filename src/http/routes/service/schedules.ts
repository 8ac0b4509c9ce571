/** `/schedules/preview`: describes a schedule, without storing anything. */

import { Type } from 'typebox';
import { formatInstant } from '../../../domain/input/instant.ts';
import { previewSchedule } from '../../../usecases/tasks/preview-schedule.ts';
import { type App, callerOf, type HttpContext, isAwaited } from '../../context.ts';
import { instantParameter } from '../../input/parameters.ts';
import { valueOrThrow } from '../../outcome.ts';
import { taskId } from '../../schemas/parts.ts';
import { shownSchedule } from '../../schemas/schedules.ts';
import { closed, countQuery, warningList } from '../../schemas/schemas.ts';

export function scheduleRoutes(app: App, context: HttpContext): void {
  app.post(
    '/schedules/preview',
    {
      config: { role: previewSchedule.needs },
      schema: {
        summary: 'What a schedule means and when it fires next',
        tags: ['schedules'],
        body: closed(
          {
            schedule: Type.Ref('ScheduleInput#'),
            id: Type.Optional(Type.Unsafe({ ...taskId, description: 'The task whose `H` is to be shown.' })),
            from: Type.Optional(Type.String({ maxLength: 40, description: 'Now when absent.' })),
            count: countQuery,
          },
          { named: 'SchedulePreviewInput' },
        ),
        response: {
          200: Type.Object(
            {
              canonical: shownSchedule,
              description: Type.String(),
              next: Type.Array(Type.String({ format: 'date-time' })),
              warnings: warningList,
            },
            { named: 'SchedulePreview' },
          ),
        },
      },
    },
    async (request) => {
      const { schedule, id = null, from, count = 5 } = request.body as Preview;
      const asked = { schedule, taskId: id, from: instantParameter('from', from), count };
      const preview = valueOrThrow(
        await previewSchedule(context, callerOf(request), { ...asked, isWanted: isAwaited(request) }),
      );
      return { ...preview, next: preview.next.map(formatInstant) };
    },
  );
}

type Preview = { schedule: unknown; id?: string; from?: string; count?: number };
