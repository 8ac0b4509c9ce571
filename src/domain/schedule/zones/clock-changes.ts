/**
 * Which instant a wall-clock time of a zone is, and when a pattern of wall-clock times is next due, by Vixie cron's
 * rules.
 */

import type { Zone } from './zone.ts';

/** The first matching wall-clock time after one (both as if they were UTC, in epoch milliseconds), or null. */
export type NextWall = (after: number) => number | null;

/** How many matching wall-clock times lie in (after, upTo]; both as if they were UTC, in epoch milliseconds. */
export type CountWall = (after: number, upTo: number) => number;

/** A time that a change of the clock leaves out is made up for when the gap is not longer than this (Vixie cron). */
const longestMadeUpGapMs = 3 * 3_600_000;

/** No zone's offset is larger. */
const dayMs = 86_400_000;

/** The first instant after `after` whose wall-clock time matches: every time of an overlap twice, of a gap never. */
export function nextByRealTime(nextWall: NextWall, zone: Zone, after: number): number | null {
  let stretch = zone.at(after + 1);
  let asked = after + stretch.offset;
  let wall = nextWall(asked);
  for (;;) {
    if (wall !== null && wall - stretch.offset < stretch.end) return wall - stretch.offset;
    const following = zone.at(stretch.end);
    const reached = stretch.end - 1 + following.offset;
    // Computing an answer takes long, so it is kept unless the clock goes back behind the question or jumps over the
    // answer.
    if (reached < asked || (wall !== null && wall <= reached)) {
      asked = reached;
      wall = nextWall(asked);
    }
    if (wall === null) return null;
    stretch = following;
  }
}

/**
 * The first instant after `after` that stands for a matching wall-clock time: each time once, even where the clock is
 * changed.
 */
export function nextByWallClock(nextWall: NextWall, zone: Zone, after: number): number | null {
  let wall = nextWall(after + zone.at(after).offset);
  while (wall !== null) {
    const { instant, until } = placeOf(wall, zone);
    if (instant !== null && instant > after) return instant;
    wall = nextWall(until);
  }
  return null;
}

/**
 * The instant that stands for a wall-clock time: the first of two, the end of a gap, or null in a gap too long to be
 * made up for. The same holds for wall-clock times up to `until`.
 */
function placeOf(wall: number, zone: Zone): { instant: number | null; until: number } {
  let stretch = zone.at(wall - dayMs);
  for (;;) {
    const wallEnd = stretch.end + stretch.offset;
    if (wall < wallEnd) return { instant: wall - stretch.offset, until: wallEnd - 1 };
    const following = zone.at(stretch.end);
    const gapEnd = stretch.end + following.offset;
    if (wall < gapEnd)
      return {
        instant: following.offset - stretch.offset > longestMadeUpGapMs ? null : stretch.end,
        until: gapEnd - 1,
      };
    stretch = following;
  }
}

/**
 * The instant of a wall-clock time: the only one, the first of two, or the first after a gap that the time falls into.
 */
export type LocalTime = { instant: number; kind: 'single' | 'repeated' | 'skipped' };

/** The instant of a wall-clock time (as if it were UTC); in a gap of any length the first instant after it. */
export function instantOf(wall: number, zone: Zone): LocalTime {
  let stretch = zone.at(wall - dayMs);
  for (;;) {
    const following = zone.at(stretch.end);
    const instant = wall - stretch.offset;
    if (instant < stretch.end) {
      // Once more where the clock goes back over it.
      const again = wall - following.offset;
      return { instant, kind: again >= stretch.end && again < following.end ? 'repeated' : 'single' };
    }
    if (wall < stretch.end + following.offset) return { instant: stretch.end, kind: 'skipped' };
    stretch = following;
  }
}

/** All changes of the clock in (after, upTo]. */
export function changesOf(zone: Zone, after: number, upTo: number): number[] {
  const changes: number[] = [];
  for (let stretch = zone.at(after); stretch.end <= upTo; ) {
    const following = zone.at(stretch.end);
    if (following.offset !== stretch.offset) changes.push(stretch.end);
    stretch = following;
  }
  return changes;
}

/** The first change of the clock in (after, upTo] that leaves out a matching wall-clock time, or null. */
export function firstLeftOut(countWall: CountWall, zone: Zone, after: number, upTo: number): number | null {
  for (let stretch = zone.at(after + 1); stretch.end <= upTo; ) {
    const following = zone.at(stretch.end);
    const from = stretch.end + stretch.offset;
    if (following.offset > stretch.offset && countWall(from - 1, stretch.end + following.offset - 1) > 0)
      return stretch.end;
    stretch = following;
  }
  return null;
}

/** How many instants in (after, upTo] `nextByRealTime` gives: the matching wall-clock times of each stretch. */
export function countByRealTime(countWall: CountWall, zone: Zone, after: number, upTo: number): number {
  let count = 0;
  for (let from = after; from < upTo; ) {
    const { end, offset } = zone.at(from + 1);
    const to = Math.min(upTo, end - 1);
    count += countWall(from + offset, to + offset);
    from = to;
  }
  return count;
}

/**
 * How many instants in (after, upTo] `nextByWallClock` gives: of each stretch the matching wall-clock times that have
 * not been before, and its beginning where it alone makes up for times left out.
 */
export function countByWallClock(countWall: CountWall, zone: Zone, after: number, upTo: number): number {
  let count = 0;
  // A wall-clock time that is more than two days earlier lies behind every time that matters.
  let start = after - 2 * dayMs;
  let previous = zone.at(start).offset;
  let reached = Number.NEGATIVE_INFINITY;
  while (start <= upTo) {
    const { end, offset } = zone.at(start);
    const first = start + offset;
    const madeUpFor = start > after && offset - previous <= longestMadeUpGapMs;
    if (madeUpFor && countWall(first - 1, first) === 0 && countWall(reached - 1, first - 1) > 0) count++;
    const from = Math.max(after, start - 1) + offset;
    count += countWall(Math.max(from, reached - 1), Math.min(upTo, end - 1) + offset);
    reached = Math.max(reached, end + offset);
    previous = offset;
    start = end;
  }
  return count;
}
