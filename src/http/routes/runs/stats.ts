/** `/stats`: how many runs ended in which way, in buckets of time. */

import { Type } from 'typebox';
import { formatInstant } from '../../../domain/input/instant.ts';
import { type Bucket, buckets, type StatsItem } from '../../../domain/stats/stats.ts';
import type { By } from '../../../store/stats/read.ts';
import { readStats } from '../../../usecases/stats/read-stats.ts';
import { type App, callerOf, type HttpContext } from '../../context.ts';
import { instantParameter } from '../../input/parameters.ts';
import { valueOrThrow } from '../../outcome.ts';
import { choice, closed, instantQuery } from '../../schemas/schemas.ts';

const count = Type.Integer({ minimum: 0 });
const ms = (description: string) => Type.Unsafe({ type: ['integer', 'null'], description });

const item = Type.Object(
  {
    at: Type.String({ format: 'date-time', description: 'The beginning of the bucket, in UTC.' }),
    key: Type.Unsafe({
      type: ['string', 'null'],
      description: 'The status, the id of the task or the value of the label; null without `by`, or without the label.',
    }),
    ...{ succeeded: count, failed: count, timed_out: count, lost: count, cancelled: count, skipped: count },
    missed: Type.Integer({ minimum: 0, description: 'Occurrences that did not fire, at the last of their stretch.' }),
    p50LatenessMs: ms('From `scheduledFor` to the start of the run, within 5 %; null where none has started.'),
    p99LatenessMs: ms('The same that 99 % of the runs do not exceed.'),
    p50DurationMs: ms('From the start to the end of the run, pauses between attempts included, within 5 %.'),
    p99DurationMs: ms('The same that 99 % of the runs do not exceed.'),
  },
  { named: 'Stats' },
);

type Query = { from?: string; to?: string; bucket: Bucket; by?: string };

export function statsRoutes(app: App, context: HttpContext): void {
  app.get(
    '/stats',
    {
      config: { role: readStats.needs },
      schema: {
        summary: 'Count runs and misses by minute, hour or day',
        tags: ['runs'],
        querystring: closed({
          from: Type.Optional({ ...instantQuery, description: 'The bucket that holds it is the first one.' }),
          to: Type.Optional({ ...instantQuery, description: 'Exclusive; now when absent.' }),
          bucket: Type.Optional(choice(buckets, { default: '1h' })),
          by: Type.Optional(
            Type.Unsafe<string>({
              type: 'string',
              maxLength: 80,
              pattern: '^(status|task|label:.+)$',
              patternHint: 'must be status, task or label:name',
            }),
          ),
        }),
        response: { 200: Type.Object({ items: Type.Array(item) }, { named: 'StatsList' }) },
      },
    },
    async (request) => {
      const { bucket, by, ...range } = request.query as Query;
      const asked = {
        ...{ from: instantParameter('from', range.from), to: instantParameter('to', range.to) },
        ...{ bucket, by: byOf(by) },
      };
      return { items: valueOrThrow(await readStats(context, callerOf(request), asked)).map(view) };
    },
  );
}

function byOf(by: string | undefined): By {
  if (by === undefined) return { kind: 'none' };
  return by === 'status' || by === 'task' ? { kind: by } : { kind: 'label', name: by.slice('label:'.length) };
}

const view = (item: StatsItem) => ({ ...item, at: formatInstant(item.at) });
