/** Computes the instants of cron patterns in time zones; the only place that knows croner. */

import { Cron } from 'croner';
import type { Result } from '../errors.ts';
import { fault, ok } from '../errors.ts';
import {
  type CountWall,
  countByRealTime,
  countByWallClock,
  type NextWall,
  nextByRealTime,
  nextByWallClock,
} from './clock-changes.ts';
import { type CronPattern, readCron } from './cron-syntax.ts';
import { isListedYear, nextInYears, yearOf } from './cron-years.ts';
import { latestInstant } from './instant.ts';
import { createLruCache } from './lru-cache.ts';
import { countWallTimes } from './wall-count.ts';
import { openZone, type Zone, zoneNamed } from './zone.ts';

/** A pattern in a zone, shared by all schedules that have it. */
export type CompiledCron = {
  /** The first instant after `after` (epoch milliseconds), or null when there is none in the years 1970 to 9999. */
  next(after: number): number | null;
  /** How many instants `next` gives in (after, upTo], without going through them. */
  count(after: number, upTo: number): number;
};

export type Calendar = {
  /** Pointers of errors are `#/cron` and `#/timezone`. Never throws. */
  compile(expression: string, timezone: string): Result<CompiledCron>;
};

type WallClock = { pattern: CronPattern; next: NextWall; count: CountWall };

/** After 400 years the Gregorian calendar repeats, weekdays included: 146,097 days are 20,871 weeks. */
const cycleMs = 146_097 * 86_400_000;
/** croner looks no further than the year 3000. */
const cycleStart = Date.UTC(2400, 0);

/**
 * A calendar that keeps at most `maxExpressions` croner objects: they are heavy (83 KB), so they are shared and only computed
 * with. croner works on wall-clock time as if it were UTC; which instant a wall-clock time is, `clock-changes` decides.
 */
export function createCalendar({ maxExpressions = 1_000 }: { maxExpressions?: number } = {}): Calendar {
  const wallClocks = createLruCache<string, WallClock>(maxExpressions);
  const compiled = createLruCache<string, CompiledCron>(10 * maxExpressions);
  const zoneNames = createLruCache<string, string>(maxExpressions);
  const zones = new Map<string, Zone>();

  function zoneOf(name: string): Zone | null {
    const canonical = zoneNames.get(name) ?? zoneNamed(name);
    if (canonical === null) return null;
    zoneNames.set(name, canonical);
    // There are only so many canonical names: old names and letters of either case make no further zones.
    const zone = zones.get(canonical) ?? openZone(canonical);
    zones.set(canonical, zone);
    return zone;
  }

  function wallClockOf(expression: string): Result<WallClock, string> {
    const known = wallClocks.get(expression);
    if (known) return ok(known);
    const read = readCron(expression);
    if (!read.ok) return read;
    const made = wallClock(read.value);
    if (made === null) return { ok: false, errors: `"${expression}" can never fire: there is no such date` };
    wallClocks.set(expression, made);
    return ok(made);
  }

  return {
    compile(expression, timezone) {
      const key = `${timezone} ${expression}`;
      const known = compiled.get(key);
      if (known) return ok(known);
      const read = wallClockOf(expression);
      if (!read.ok) return fault('#/cron', read.errors);
      const zone = zoneOf(timezone);
      if (!zone)
        return fault('#/timezone', `"${timezone}" is not a time zone that this system knows, such as "Europe/Berlin"`);
      // Looked up at each call: a schedule that lives long must not hold a croner object that the cache let go.
      const nextWall = (after: number) => {
        const found = wallClockOf(expression);
        return found.ok ? found.value.next(after) : null;
      };
      const countWall = (after: number, upTo: number) => {
        const found = wallClockOf(expression);
        return found.ok ? found.value.count(after, upTo) : 0;
      };
      const { followsRealTime } = read.value.pattern;
      const compute = followsRealTime ? nextByRealTime : nextByWallClock;
      const count = followsRealTime ? countByRealTime : countByWallClock;
      const made = {
        next: remembering((after) => compute(nextWall, zone, after)),
        count: (after: number, upTo: number) => count(countWall, zone, asked(after), asked(upTo)),
      };
      compiled.set(key, made);
      return ok(made);
    },
  };
}

/** The wall-clock times that match a pattern, or null when no date does. */
function wallClock(pattern: CronPattern): WallClock | null {
  // An offset instead of a zone's name keeps croner from asking Intl, which is ten times slower.
  const options = { utcOffset: 0, paused: true, domAndDow: pattern.bothDays };
  const { fields, years } = pattern;
  if (!pattern.everyDay) {
    // In 28 years every kind of year occurs. Without this a search would go on for a thousand years.
    const days = fields.split(' ').slice(3).join(' ');
    const dates = new Cron(`0 0 0 ${days} 2001-2028`, options);
    if (dates.nextRun(new Date(Date.UTC(2001, 0) - 1)) === null) return null;
  }
  const cron = new Cron(fields, options);
  const inAnyYear = (after: number) => {
    const shift = Math.max(0, Math.ceil((after - cycleStart) / cycleMs)) * cycleMs;
    const found = cron.nextRun(new Date(after - shift));
    if (found === null) return null;
    const wall = found.getTime() + shift;
    return yearOf(wall) > 9999 ? null : wall;
  };
  return {
    pattern,
    next: years === null ? inAnyYear : (after) => nextInYears(inAnyYear, years, after),
    count: countWallTimes({
      next: inAnyYear,
      everyDay: pattern.everyDay,
      isListed: (year) => years === null || isListedYear(years, year),
    }),
  };
}

/** Ten thousand tasks that share a pattern ask the same question: its last answer is kept. */
function remembering(compute: (after: number) => number | null): (after: number) => number | null {
  let from = Number.POSITIVE_INFINITY;
  let answer: number | null = null;
  return (after) => {
    if (after >= from && (answer === null || after < answer)) return answer;
    const found = compute(asked(after));
    answer = found !== null && found > latestInstant ? null : found;
    from = after;
    return answer;
  };
}

/** Nothing happens before 1970 or after the year 9999: no question reaches further. */
const asked = (instant: number) => Math.min(Math.max(Math.floor(instant), -1), latestInstant);
