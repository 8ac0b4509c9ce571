/** The days of a cron pattern, remembered by the kind of month: so that rare ones are found without a search. */

import type { NextWall } from '../zones/clock-changes.ts';

/** The first matching day from this one on, both counted from 1 January 1970; null beyond the year 9999. */
export type NextDay = (from: number) => number | null;

const dayMs = 86_400_000;
const endOfYears = Date.UTC(10_000, 0);

/**
 * `next` gives the first midnight of a matching day after a time, and may take long where years lie between. Which days
 * of a month match depends on the month, its first weekday and its length alone, so at most 91 months are ever asked
 * for. `everyDay`: in a month with a match every day matches.
 */
export function rememberDays(next: NextWall, everyDay: boolean): NextDay {
  /** The days that match, by the kind of month: the lowest bit for the first of the month. */
  const kinds = new Map<number, number>();

  function learn(index: number): number {
    const [start, end] = [monthStart(index), monthStart(index + 1)];
    let days = 0;
    let midnight = next(start - 1);
    if (everyDay && midnight === start) {
      days = -1 >>> (32 - (end - start) / dayMs);
      midnight = end;
    }
    while (midnight !== null && midnight < end) {
      days |= 1 << ((midnight - start) / dayMs);
      midnight = next(midnight);
    }
    kinds.set(kindOf(start, end), days);
    // The months up to the one of the next match are empty. This is remembered, because the search took long.
    const reached = midnight ?? endOfYears;
    for (let empty = index + 1; monthStart(empty + 1) <= reached; empty++)
      kinds.set(kindOf(monthStart(empty), monthStart(empty + 1)), 0);
    return days;
  }

  return (from) => {
    const date = new Date(from * dayMs);
    let index = (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
    let start = monthStart(index);
    for (let passed = date.getUTCDate() - 1; start < endOfYears; passed = 0) {
      const end = monthStart(index + 1);
      const days = (kinds.get(kindOf(start, end)) ?? learn(index)) >>> passed;
      if (days !== 0) return start / dayMs + passed + lowestBit(days);
      start = end;
      index++;
    }
    return null;
  };
}

/**
 * The next time of a pattern whose times are the product of its days and its times of day: `nextTime` gives those as if
 * every day matched.
 */
export function nextOf(nextDay: NextDay, nextTime: NextWall): NextWall {
  const timeAfter = (ms: number) => nextTime(ms) ?? 0;
  let first: number | null = null;
  return (after) => {
    // Every day has the same times: all are looked up on the first of January 1970.
    const today = Math.floor((after + 1) / dayMs);
    const wall = today * dayMs + timeAfter(after - today * dayMs);
    const day = Math.floor(wall / dayMs);
    const matching = nextDay(day);
    if (matching === null || matching === day) return matching === null ? null : wall;
    first ??= timeAfter(-1);
    return matching * dayMs + first;
  };
}

const monthStart = (index: number) => Date.UTC(1970, index);

/** One number for the month, its first weekday and its length. */
function kindOf(start: number, end: number): number {
  const date = new Date(start);
  return (date.getUTCMonth() * 7 + date.getUTCDay()) * 32 + (end - start) / dayMs;
}

const lowestBit = (bits: number) => 31 - Math.clz32(bits & -bits);
