/** `/forecast`: how often tasks will fire, in buckets of time. */

import { Type } from 'typebox';
import { type ForecastBucket, forecastBuckets } from '../../../domain/forecast/window.ts';
import { formatInstant } from '../../../domain/input/instant.ts';
import type { ForecastBy } from '../../../usecases/forecast/keys.ts';
import { readForecast } from '../../../usecases/forecast/read-forecast.ts';
import { type App, callerOf, type HttpContext, isAwaited } from '../../context.ts';
import { instantParameter } from '../../input/parameters.ts';
import { valueOrThrow } from '../../outcome.ts';
import { choice, closed, instantQuery } from '../../schemas/schemas.ts';

const at = Type.String({ format: 'date-time', description: 'The beginning of the bucket, in UTC.' });
const fires = Type.Integer({ minimum: 0, description: 'Occurrences that are due in it.' });

const bucket = Type.Object(
  {
    at,
    key: Type.Optional(
      Type.Unsafe({
        type: ['string', 'null'],
        description: 'With `by`: the origin or the value of the label; null for tasks without it.',
      }),
    ),
    fires,
  },
  { named: 'ForecastBucket' },
);
const leader = Type.Object({ task: Type.String(), fires }, { named: 'ForecastLeader' });
const peak = Type.Object(
  { at, fires, top: Type.Array(leader, { description: 'The tasks that fire most in it, at most ten.' }) },
  { named: 'ForecastPeak' },
);

type Query = { from?: string; to?: string; bucket: ForecastBucket; by?: string };

export function forecastRoutes(app: App, context: HttpContext): void {
  app.get(
    '/forecast',
    {
      config: { role: readForecast.needs },
      schema: {
        summary: 'How often tasks will fire',
        tags: ['schedules'],
        querystring: closed({
          from: Type.Optional({ ...instantQuery, description: 'Inclusive; the current bucket when absent.' }),
          to: Type.Optional({ ...instantQuery, description: 'Exclusive; a day after `from` when absent.' }),
          bucket: Type.Optional(choice(forecastBuckets, { default: '1m' })),
          by: Type.Optional(
            Type.Unsafe<string>({
              type: 'string',
              maxLength: 80,
              pattern: '^(origin|label:.+)$',
              patternHint: 'must be origin or label:name',
            }),
          ),
        }),
        response: {
          200: Type.Object(
            {
              buckets: Type.Array(bucket, {
                description: 'Without `by` each bucket in turn; with it only those in which a key fires, by key.',
              }),
              peaks: Type.Array(peak, { description: 'The fullest buckets, the fullest first, at most ten.' }),
              sampled: Type.Boolean({ description: 'Whether the counts are those of a sample, multiplied.' }),
              factor: Type.Number({ description: 'By how much; 1 without a sample.' }),
            },
            { named: 'Forecast' },
          ),
        },
      },
    },
    async (request) => {
      const { by, bucket, ...range } = request.query as Query;
      const asked = {
        ...{ from: instantParameter('from', range.from), to: instantParameter('to', range.to) },
        ...{ bucket, by: by === undefined ? null : byOf(by), isWanted: isAwaited(request) },
      };
      const { buckets, peaks, ...sample } = valueOrThrow(await readForecast(context, callerOf(request), asked));
      return { buckets: buckets.map(shown), peaks: peaks.map(shown), ...sample };
    },
  );
}

function byOf(by: string): ForecastBy {
  return by === 'origin' ? { kind: 'origin' } : { kind: 'label', name: by.slice('label:'.length) };
}

function shown<T extends { at: number }>(part: T) {
  return { ...part, at: formatInstant(part.at) };
}
