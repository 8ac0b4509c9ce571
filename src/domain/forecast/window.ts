/** The stretch of time that a forecast covers, cut into buckets. */

import { type FieldError, fault, ok, type Result } from '../../errors.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

const lengths = { '1m': minuteMs, '5m': 5 * minuteMs, '15m': 15 * minuteMs, '1h': 60 * minuteMs };

export type ForecastBucket = keyof typeof lengths;
export const forecastBuckets = Object.keys(lengths) as ForecastBucket[];

/** At most so many buckets in one answer. */
const mostBuckets = 1_500;
/** How long a forecast is that names no end, in milliseconds. */
const usualMs = dayMs;
/** No forecast begins longer ago: `/stats` tells what came of earlier occurrences. */
const longestAgoMs = dayMs;

/** Instants are epoch milliseconds. */
export type Window = {
  /** Inclusive. */
  from: number;
  /** Exclusive. */
  to: number;
  /** The beginning of the first bucket, at a multiple of its length in UTC. */
  start: number;
  bucketMs: number;
  /** How many buckets there are. The first and the last may be covered in part. */
  count: number;
};

/** The window that is asked for. What is null gets its usual value: from the bucket of `now` on, for a day. */
export function windowOf(
  asked: { from: number | null; to: number | null; bucket: ForecastBucket },
  now: number,
): Result<Window, FieldError[]> {
  const bucketMs = lengths[asked.bucket];
  const bucketOf = (instant: number) => Math.floor(instant / bucketMs) * bucketMs;
  const from = asked.from ?? Math.min(bucketOf(now), asked.to === null ? Infinity : bucketOf(asked.to - 1));
  if (from < bucketOf(now) - longestAgoMs)
    return fault('#/from', 'lies more than a day ago: GET /stats tells what came of earlier occurrences');
  const to = asked.to ?? from + usualMs;
  if (to <= from) return fault('#/to', 'must be after from');
  const start = bucketOf(from);
  const count = Math.ceil((to - start) / bucketMs);
  if (count > mostBuckets)
    return fault(
      '#/to',
      `gives ${count} buckets of ${asked.bucket}; at most ${mostBuckets} are answered: ask for longer ones`,
    );
  return ok({ from, to, start, bucketMs, count });
}
