/** `/schedules/preview`: what a schedule means, without storing anything. */

import { Type } from 'typebox';
import { parseDuration } from '../../domain/input/duration.ts';
import { formatInstant } from '../../domain/input/instant.ts';
import type { Warning } from '../../domain/input/warning.ts';
import { describeSchedule } from '../../domain/schedule/describe.ts';
import { compileSchedule, instantsAfter, readSchedule } from '../../domain/schedule/schedule.ts';
import { activeFromFor, defaultMisfire } from '../../domain/task/task.ts';
import { inTurns } from '../../turns.ts';
import { warnOfOldZones } from '../../usecases/zones.ts';
import { type App, type HttpContext, isAwaited } from '../context.ts';
import { instantParameter } from '../input/parameters.ts';
import { unprocessable } from '../problems.ts';
import { taskId } from '../schemas/parts.ts';
import { shownSchedule } from '../schemas/schedules.ts';
import { closed, countQuery, warningList } from '../schemas/schemas.ts';

export function scheduleRoutes(app: App, context: HttpContext): void {
  const { calendar, now, turns } = context;
  app.post(
    '/schedules/preview',
    {
      config: { role: 'reader' },
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
      await turns.take();
      const body = request.body as { schedule: unknown; id?: string; from?: string; count?: number };
      const warnings: Warning[] = [];
      const from = instantParameter('from', body.from) ?? now();
      const read = readSchedule(
        body.schedule,
        {
          now: from,
          graceMs: parseDuration(defaultMisfire.grace) ?? 0,
          taskId: body.id ?? null,
          warn: (code, pointer, detail) => warnings.push({ code, pointer, detail }),
        },
        calendar,
      );
      if (!read.ok) throw unprocessable(read.errors);
      warnOfOldZones(context, read.value, warnings);
      const compiled = compileSchedule(read.value, calendar);
      // As for a new task: a single instant that has just passed still counts.
      const after = activeFromFor(read.value, from);
      const next =
        compiled === null
          ? []
          : await inTurns(instantsAfter(compiled, after), body.count ?? 5, turns, isAwaited(request));
      return {
        canonical: read.value,
        description: describeSchedule(read.value),
        next: next.map(formatInstant),
        warnings,
      };
    },
  );
}
