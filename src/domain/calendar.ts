/** Computes the instants of cron patterns in time zones; the only place that knows croner. */

import { Cron } from 'croner';
import type { Result } from '../errors.ts';
import { fault, ok } from '../errors.ts';
import { type CronPattern, readCron } from './cron-syntax.ts';
import { openZone, type Zone } from './zone.ts';

/** A pattern in a zone, shared by all schedules that have it. */
export type CompiledCron = {
  /** The first instant after `after` (epoch milliseconds), or null when there is none. */
  next(after: number): number | null;
};

export type Calendar = {
  /** Pointers of errors are `#/cron` and `#/timezone`. */
  compile(expression: string, timezone: string): Result<CompiledCron>;
};

/** A time that a change of the clock leaves out is made up for when the gap is not longer than this (Vixie cron). */
const longestMadeUpGapMs = 3 * 3_600_000;

/**
 * A calendar that keeps at most `maxExpressions` patterns. croner works on wall-clock time as if it were UTC; which
 * instant a wall-clock time is, is decided here, by Vixie cron's rules: a fixed time that the clock leaves out fires once
 * when the gap is over, one that comes twice fires the first time, and a pattern whose hour or minute begins with `*`
 * follows real time. croner objects are heavy (83 KB), so they are shared and only computed with.
 */
export function createCalendar({ maxExpressions = 1_000 }: { maxExpressions?: number } = {}): Calendar {
  const crons = new Map<string, { cron: Cron; pattern: CronPattern }>();
  const zones = new Map<string, Zone>();
  const compiled = new Map<string, CompiledCron>();

  function zoneOf(name: string): Zone | null {
    const known = zones.get(name) ?? (/^[A-Za-z][\w+/-]*$/.test(name) ? openZone(name) : null);
    if (known) zones.set(name, known);
    return known;
  }

  function wallClockOf(expression: string): Result<{ cron: Cron; pattern: CronPattern }, string> {
    const known = crons.get(expression);
    if (known) return ok(known);
    const read = readCron(expression);
    if (!read.ok) return read;
    try {
      const { fields, bothDays } = read.value;
      const made = {
        cron: new Cron(fields, { timezone: 'UTC', paused: true, domAndDow: bothDays }),
        pattern: read.value,
      };
      keep(crons, expression, made, maxExpressions);
      return ok(made);
    } catch {
      return { ok: false, errors: `"${expression}" is not a cron pattern` };
    }
  }

  return {
    compile(expression, timezone) {
      const key = `${timezone} ${expression}`;
      const known = compiled.get(key);
      if (known) return ok(known);
      const wallClock = wallClockOf(expression);
      if (!wallClock.ok) return fault('#/cron', wallClock.errors);
      const zone = zoneOf(timezone);
      if (!zone)
        return fault('#/timezone', `"${timezone}" is not a time zone that this system knows, such as "Europe/Berlin"`);
      const { pattern } = wallClock.value;
      // The croner object is looked up at each call: a schedule that lives long must not hold one that the cache let go.
      const nextWall = (after: number) => {
        const found = wallClockOf(expression);
        return found.ok ? (found.value.cron.nextRun(new Date(after))?.getTime() ?? null) : null;
      };
      const compute = pattern.followsRealTime ? nextByRealTime : nextByWallClock;
      const made = remembering((after) => compute(nextWall, zone, after));
      keep(compiled, key, made, 10 * maxExpressions);
      return ok(made);
    },
  };
}

/** The first instant after `after` whose wall-clock time matches. */
function nextByRealTime(nextWall: (after: number) => number | null, zone: Zone, after: number): number | null {
  let from = after;
  for (;;) {
    const { end, offset } = zone.at(from + 1);
    const wall = nextWall(from + offset);
    if (wall === null) return null;
    if (wall - offset < end) return wall - offset;
    from = end - 1;
  }
}

/** The first instant after `after` that stands for a matching wall-clock time. */
function nextByWallClock(nextWall: (after: number) => number | null, zone: Zone, after: number): number | null {
  let wall = nextWall(after + zone.at(after).offset);
  while (wall !== null) {
    const instant = instantOf(wall, zone);
    if (instant !== null && instant > after) return instant;
    wall = nextWall(wall);
  }
  return null;
}

/** The instant that stands for a wall-clock time; null where it is left out together with most of a day. */
function instantOf(wall: number, zone: Zone): number | null {
  // No offset is larger than a day: the stretch that the time belongs to begins to be looked for before it.
  let stretch = zone.at(wall - 86_400_000);
  for (;;) {
    const next = zone.at(stretch.end);
    if (wall < stretch.end + stretch.offset) return wall - stretch.offset;
    const gap = next.offset - stretch.offset;
    if (wall < next.start + next.offset) return gap > longestMadeUpGapMs ? null : next.start;
    stretch = next;
  }
}

/** Ten thousand tasks that share a pattern ask the same question: its last answer is kept. */
function remembering(compute: (after: number) => number | null): CompiledCron {
  let from = 0;
  let answer: number | null = Number.NEGATIVE_INFINITY;
  return {
    next(after) {
      if (after >= from && (answer === null || after < answer)) return answer;
      answer = compute(after);
      from = after;
      return answer;
    },
  };
}

/** Puts an entry in; the oldest goes when there are more than `most`. */
function keep<T>(cache: Map<string, T>, key: string, value: T, most: number): void {
  cache.set(key, value);
  if (cache.size > most) cache.delete(cache.keys().next().value as string);
}
