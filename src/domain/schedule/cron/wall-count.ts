/** Counts the wall-clock times that match a cron pattern, without going through them. */

import type { CountWall, NextWall } from '../zones/clock-changes.ts';
import { yearOf } from './years.ts';

export type CountedPattern = {
  /** The pattern's next time in any year; null beyond the year 9999. */
  next: NextWall;
  /** Within a matching month every day matches. */
  everyDay: boolean;
  /** Whether times in this year count. */
  isListed: (year: number) => boolean;
};

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const endOfYears = Date.UTC(10_000, 0);

/** For a row of equal stretches: at each place how many before it hold a match, at the end how many do. */
type Tally = Uint8Array;

/**
 * A pattern's times are the product of its days, hours, minutes and seconds, so a look into one hour, one minute and
 * each kind of month is enough. Which days of a month match depends on the month, its first weekday and its length;
 * that is remembered, so that at most 91 months are ever searched, day by day.
 */
export function countWallTimes({ next, everyDay, isListed }: CountedPattern): CountWall {
  const months = new Map<number, Tally>();
  let timesBefore: ((ms: number) => number) | null = null;

  function daysOf(start: number, end: number): Tally {
    const length = (end - start) / day;
    const date = new Date(start);
    const kind = (date.getUTCMonth() * 7 + date.getUTCDay()) * 32 + length;
    const known = months.get(kind);
    if (known) return known;
    const made = everyDay ? allOrNone(next, start, length) : tally(next, start, day, length);
    months.set(kind, made);
    return made;
  }

  return (after, upTo) => {
    const from = wholeSecond(after + 1);
    const to = Math.min(wholeSecond(upTo + 1), endOfYears);
    if (from >= to) return 0;
    let count = 0;
    for (let index = monthOf(from), start = Date.UTC(1970, index); start < to; ) {
      index++;
      const end = Date.UTC(1970, index);
      if (isListed(yearOf(start))) {
        const days = daysOf(start, end);
        timesBefore ??= timesOfDay(next);
        const perDay = timesBefore(day);
        count += timesBeforeIn(days, Math.min(to, end) - start, day, perDay, timesBefore);
        count -= timesBeforeIn(days, Math.max(from, start) - start, day, perDay, timesBefore);
      }
      start = end;
    }
    return count;
  };
}

/** How many times of a matching day lie before a time of the day, given in milliseconds up to a whole day. */
function timesOfDay(next: NextWall): (ms: number) => number {
  const first = next(-1) ?? 0;
  const within = (unit: number) => first - (first % unit);
  const [hours, minutes, seconds] = [
    tally(next, within(day), hour, 24),
    tally(next, within(hour), minute, 60),
    tally(next, within(minute), second, 60),
  ];
  const inMinute = (ms: number) => seconds[ms / second] as number;
  const inHour = (ms: number) => timesBeforeIn(minutes, ms, minute, inMinute(minute), inMinute);
  return (ms) => timesBeforeIn(hours, ms, hour, inHour(hour), inHour);
}

/** How many times lie before `ms`, where each matching stretch of `unit` has `each` times, spread by `rest`. */
function timesBeforeIn(before: Tally, ms: number, unit: number, each: number, rest: (ms: number) => number): number {
  const place = Math.floor(ms / unit);
  const whole = before[place] as number;
  const following = before[place + 1] ?? whole;
  return whole * each + (following > whole ? rest(ms % unit) : 0);
}

/** Looks for the stretches of `unit`, `count` of them from `start` on, that hold a match. */
function tally(next: NextWall, start: number, unit: number, count: number): Tally {
  const before = new Uint8Array(count + 1);
  let wall = next(start - 1);
  for (let place = 0; place < count; place++) {
    const end = start + (place + 1) * unit;
    const matches = wall !== null && wall < end;
    before[place + 1] = (before[place] as number) + (matches ? 1 : 0);
    if (matches) wall = next(end - 1);
  }
  return before;
}

/** The tally of a month of which all days match if any does. */
function allOrNone(next: NextWall, start: number, days: number): Tally {
  const wall = next(start - 1);
  const each = wall !== null && wall < start + days * day ? 1 : 0;
  return Uint8Array.from({ length: days + 1 }, (_, place) => each * place);
}

/** Matches are whole seconds: the first one from a time on. */
const wholeSecond = (wall: number) => Math.ceil(wall / second) * second;

/** Months since 1970. */
function monthOf(wall: number): number {
  const date = new Date(wall);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}
