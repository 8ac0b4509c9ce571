/**
 * The smallest gap between two occurrences of a schedule, ever.
 *
 * Of a cron pattern it is found without going through its instants: the times of day are the same on each day, so the
 * gaps within a day and those from one day to the next are enough. Then the instants around each change of the clock are
 * looked at, because only there real time and wall-clock time differ.
 */

import { parseDuration } from '../input/duration.ts';
import type { Calendar, CompiledCron } from './calendar.ts';
import { type CronPart, partsOf, valuesOf } from './cron/parts.ts';
import type { Schedule } from './schedule.ts';

const dayMs = 86_400_000;
const yearMs = 366 * dayMs;
/** In so many years the days of the week come on all days of the year, and in each kind of year. */
const yearsOfDays = 28;
/**
 * In so many years each change of the clock by a rule such as "the last Sunday of March" comes on all its dates. Later
 * changes of the rule itself are not looked at.
 */
const yearsOfChanges = 12;

/**
 * In milliseconds, from `after` (epoch milliseconds) on; null for a schedule that is due once at most. Each occurrence
 * may be moved by up to `jitterMs`, but never past the next one, so this is the gap that jitter may leave. Gaps of
 * `enough` and more need not be told apart: the answer may then be any of these, or null.
 */
export function smallestGap(
  schedule: Schedule,
  jitterMs: number,
  after: number,
  calendar: Calendar,
  enough = Infinity,
): number | null {
  const nominal = nominalGap(schedule, after, calendar, enough + jitterMs);
  return nominal === null ? null : Math.max(1, nominal - jitterMs);
}

function nominalGap(schedule: Schedule, after: number, calendar: Calendar, enough: number): number | null {
  if ('every' in schedule) return parseDuration(schedule.every);
  if (!('cron' in schedule)) return null;
  const [local, real] = [calendar.compile(schedule.cron, 'UTC'), calendar.compile(schedule.cron, schedule.timezone)];
  if (!local.ok || !real.ok) return null;
  // Wall-clock time is a day ahead of UTC at most, or behind.
  const wall = gapOfWallClock(schedule.cron, local.value, after - dayMs, enough);
  const gap = gapAtChanges(real.value, wall, after, enough);
  return gap === Infinity ? null : gap;
}

/** Times of day in milliseconds: the first, the last, and the smallest gap between two. */
type Times = { first: number; last: number; gap: number };

function timesOfDay(cron: string): Times {
  const { second, minute, hour } = partsOf(cron);
  const inMinute = timesOf(second, 1_000, { first: 0, last: 0, gap: Infinity });
  return timesOf(hour, 3_600_000, timesOf(minute, 60_000, inMinute));
}

/** The times of one field more: those of the finer fields come once for each of its values. */
function timesOf(part: CronPart, unitMs: number, finer: Times): Times {
  const values = valuesOf(part);
  const steps = values.slice(1).map((value, place) => (value - (values[place] as number)) * unitMs);
  return {
    first: (values[0] ?? 0) * unitMs + finer.first,
    last: (values.at(-1) ?? 0) * unitMs + finer.last,
    gap: Math.min(finer.gap, ...steps.map((step) => step + finer.first - finer.last)),
  };
}

/** The smallest gap between wall-clock times; Infinity where there is one time at most. */
function gapOfWallClock(cron: string, pattern: CompiledCron, after: number, enough: number): number {
  const times = timesOfDay(cron);
  let gap = times.gap;
  const start = pattern.next(after);
  if (start === null) return Infinity;
  // Days are only gone through where a day and the next may be nearer than two times of one day.
  const nightly = dayMs + times.first - times.last;
  const until = start + yearsOfDays * yearMs;
  let day: number | null = start - (start % dayMs);
  while (day !== null && nightly < Math.min(gap, enough) && day < until) {
    const next: number | null = pattern.next(day + times.last);
    if (next !== null) gap = Math.min(gap, next - (day + times.last));
    day = next === null ? null : next - (next % dayMs);
  }
  return gap;
}

/** The smallest gap where no gap away from changes of the clock is smaller than `gap`. */
function gapAtChanges(pattern: CompiledCron, gap: number, after: number, enough: number): number {
  const start = pattern.next(after);
  if (start === null || !pattern.zoned) return gap;
  let least = gap;
  for (const change of pattern.changesOfClock(start, start + yearsOfChanges * yearMs)) {
    // A smaller gap ends or begins within its own length of the change.
    let at: number | null = pattern.next(change - Math.min(least, enough, yearMs) - 1);
    while (at !== null && at <= change) {
      const next = pattern.next(at);
      if (next !== null) least = Math.min(least, next - at);
      at = next;
    }
  }
  return least;
}
