/** Computes the instants of cron patterns in time zones; the only place that knows croner. */

import { Cron } from 'croner';
import { LRUCache } from 'lru-cache';
import type { Result } from '../../errors.ts';
import { fault, ok } from '../../errors.ts';
import { latestInstant } from '../input/instant.ts';
import { countedFromLast, dayAlternatives, earliestOf } from './cron/days.ts';
import { type CronPattern, readCron } from './cron/syntax.ts';
import { countWallTimes } from './cron/wall-count.ts';
import { type NextDay, nextOf, rememberDays } from './cron/wall-next.ts';
import { isListedYear, nextInYears } from './cron/years.ts';
import {
  type CountWall,
  changesOf,
  countByRealTime,
  countByWallClock,
  firstLeftOut,
  instantOf,
  type LocalTime,
  type NextWall,
  nextByRealTime,
  nextByWallClock,
} from './zones/clock-changes.ts';
import { isFixedOffset, openZone, unknownZone, type Zone, zoneNamed } from './zones/zone.ts';

/** A pattern in a zone, shared by all schedules that have it. */
export type CompiledCron = {
  /** The first instant after `after` (epoch milliseconds), or null when there is none in the years 1970 to 9999. */
  next(after: number): number | null;
  /** How many instants `next` gives in (after, upTo], without going through them. */
  count(after: number, upTo: number): number;
  /**
   * The first change of the clock in (after, upTo] that leaves out a time of the pattern, or null (see `firstLeftOut`).
   */
  leftOut(after: number, upTo: number): number | null;
  /** The changes of the clock in (after, upTo], in epoch milliseconds. */
  changesOfClock(after: number, upTo: number): number[];
  /** Whether its instants depend on time zone data: they may be others on a replica with another version of it. */
  zoned: boolean;
};

export type Calendar = {
  /** Pointers of errors are `#/cron` and `#/timezone`. Never throws. */
  compile(expression: string, timezone: string): Result<CompiledCron>;
  /** The instant of a wall-clock time given as if it were UTC, in epoch milliseconds; null for an unknown zone. */
  resolve(wall: number, timezone: string): LocalTime | null;
};

type WallClock = { pattern: CronPattern; next: NextWall; count: CountWall };

/** After 400 years the Gregorian calendar repeats, weekdays included: 146,097 days are 20,871 weeks. */
const cycleMs = 146_097 * 86_400_000;
/** croner looks no further than the year 3000. */
const cycleStart = Date.UTC(2400, 0);

/**
 * A calendar that keeps at most `maxExpressions` croner objects for days, and as many for times of day: they are heavy
 * (83 KB), so they are shared and only computed with. croner works on wall-clock time as if it were UTC; which instant
 * a wall-clock time is, `clock-changes` decides.
 */
export function createCalendar({ maxExpressions = 1_000 }: { maxExpressions?: number } = {}): Calendar {
  const wallClocks = new LRUCache<string, WallClock>({ max: maxExpressions });
  const daysByFields = new LRUCache<string, { nextDay: NextDay | null }>({ max: maxExpressions });
  const compiled = new LRUCache<string, CompiledCron>({ max: 10 * maxExpressions });
  const zoneNames = new LRUCache<string, string>({ max: maxExpressions });
  const zones = new Map<string, Zone>();

  function zoneOf(name: string): Zone | null {
    const canonical = zoneNames.get(name) ?? zoneNamed(name);
    if (canonical === null) return null;
    zoneNames.set(name, canonical);
    // The number of canonical names is bounded: old names and other letter cases make no further zones.
    const zone = zones.get(canonical) ?? openZone(canonical);
    zones.set(canonical, zone);
    return zone;
  }

  function wallClockOf(expression: string): Result<WallClock, string> {
    const known = wallClocks.get(expression);
    if (known) return ok(known);
    const read = readCron(expression);
    if (!read.ok) return read;
    const days = rememberedDays(read.value);
    if (days === null) return { ok: false, errors: `"${expression}" can never fire: there is no such date` };
    const made = wallClock(read.value, days);
    wallClocks.set(expression, made);
    return ok(made);
  }

  /** Most patterns have the same few days. */
  function rememberedDays(pattern: CronPattern): NextDay | null {
    const { fields, bothDays } = pattern;
    const key = `${fields.split(' ').slice(3).join(' ')} ${bothDays}`;
    const known = daysByFields.get(key);
    if (known !== undefined) return known.nextDay;
    const nextDay = daysOf(pattern);
    daysByFields.set(key, { nextDay });
    return nextDay;
  }

  return {
    resolve(wall, timezone) {
      const zone = zoneOf(timezone);
      return zone && instantOf(wall, zone);
    },
    compile(expression, timezone) {
      const key = `${timezone} ${expression}`;
      const known = compiled.get(key);
      if (known) return ok(known);
      const read = wallClockOf(expression);
      if (!read.ok) return fault('#/cron', read.errors);
      const zone = zoneOf(timezone);
      if (!zone) return fault('#/timezone', unknownZone(timezone));
      // Looked up at each call, so that a long-lived schedule does not hold a croner object that the cache has dropped.
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
        zoned: !isFixedOffset(timezone),
        leftOut: (after: number, upTo: number) => firstLeftOut(countWall, zone, asked(after), asked(upTo)),
        changesOfClock: (after: number, upTo: number) => changesOf(zone, asked(after), asked(upTo)),
      };
      compiled.set(key, made);
      return ok(made);
    },
  };
}

/** The wall-clock times of a pattern on these days. */
function wallClock(pattern: CronPattern, nextDay: NextDay): WallClock {
  const { fields, years } = pattern;
  const [second, minute, hour] = fields.split(' ');
  const inAnyYear = nextOf(nextDay, search(`${second} ${minute} ${hour} * * *`, false));
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

/** The days that match the day and month fields of a pattern in any year, or null when there is no such day. */
function daysOf({ fields, everyDay, bothDays }: CronPattern): NextDay | null {
  const [, , , days = '', month, weekdays = ''] = fields.split(' ');
  const midnights = (inYears = '') =>
    earliestOf(
      dayAlternatives(days, weekdays, bothDays).map((each) => {
        const next = search(`0 0 0 ${each.days} ${month} ${each.weekdays}${inYears}`, each.both);
        return each.fromLast === null ? next : countedFromLast(next, each.fromLast);
      }),
    );
  // In 28 years every kind of year occurs. Without this a search would go on for a thousand years.
  if (!everyDay && midnights(' 2001-2028')(Date.UTC(2001, 0) - 1) === null) return null;
  const next = midnights();
  return rememberDays((after) => {
    const shift = Math.max(0, Math.ceil((after - cycleStart) / cycleMs)) * cycleMs;
    const found = next(after - shift);
    return found === null ? null : found + shift;
  }, everyDay);
}

/** croner's search. An offset instead of a zone's name keeps it from asking Intl, which is ten times slower. */
function search(pattern: string, domAndDow: boolean): NextWall {
  const cron = new Cron(pattern, { utcOffset: 0, paused: true, domAndDow });
  return (after) => cron.nextRun(new Date(after))?.getTime() ?? null;
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
