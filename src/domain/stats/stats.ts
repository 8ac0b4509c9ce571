/** Counts of runs in buckets of time: their form, and which ranges may be asked for. */

import { type FieldError, fault, ok, type Result } from '../../errors.ts';

export const buckets = ['1m', '1h', '1d'] as const;
export type Bucket = (typeof buckets)[number];

/** The counts of one bucket and one key. `at` is the beginning of the bucket in UTC, in epoch milliseconds. */
export type StatsItem = {
  at: number;
  /** Null where nothing splits the counts, or for runs without a value of it. */
  key: string | null;
  succeeded: number;
  failed: number;
  timed_out: number;
  lost: number;
  cancelled: number;
  skipped: number;
  missed: number;
  /** Within 5 %; null where no run has started. */
  p50LatenessMs: number | null;
  p99LatenessMs: number | null;
  p50DurationMs: number | null;
  p99DurationMs: number | null;
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** In milliseconds: the length of a bucket, and the range that is meant where none is named. */
const lengths: Record<Bucket, { length: number; usual: number }> = {
  '1m': { length: minuteMs, usual: hourMs },
  '1h': { length: hourMs, usual: dayMs },
  '1d': { length: dayMs, usual: 30 * dayMs },
};

/** At most so many buckets in one answer. */
const mostBuckets = 1_500;

/** Minutes are kept this long; hours as long as the settings say. */
export const minutesKeptMs = 25 * hourMs;

/** The end of the year 9999. */
const endOfTime = Date.parse('9999-12-31T23:59:59.999Z');

/** At least so much of that can be asked for. */
const minutesAskedMs = dayMs;

/**
 * The range of whole buckets that an answer covers: from the bucket that holds `from` to the one before `to`. What is
 * null gets its usual value. All instants are epoch milliseconds.
 */
export function rangeOf(
  { from, to, bucket }: { from: number | null; to: number | null; bucket: Bucket },
  now: number,
): Result<{ from: number; to: number }, FieldError[]> {
  const { length, usual } = lengths[bucket];
  const end = to ?? (from === null ? now : Math.max(now, from + 1));
  const start = Math.floor((from ?? end - usual) / length) * length;
  if (end <= (from ?? start)) return fault('#/to', 'must be after from');
  const count = Math.ceil((end - start) / length);
  if (count > mostBuckets)
    return fault(
      '#/from',
      `gives ${count} buckets of ${bucket}; at most ${mostBuckets} are answered: ask for longer ones`,
    );
  if (bucket === '1m' && start + length <= now - minutesAskedMs)
    return fault('#/from', 'minutes are kept for a day only: use bucket=1h');
  // Beyond the last year that an instant is written with there is nothing to count.
  return ok({ from: start, to: Math.min(start + count * length, endOfTime) });
}
