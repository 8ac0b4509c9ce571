/** A task's occurrences in a stretch of time: how many there are, the first ones and the last ones. */

import { nominalBounds, occurrenceOf, occurrencesAfter, pendingOccurrence, type Timing } from './occurrence.ts';
import { type CompiledSchedule, countInstants, nextInstant } from './schedule.ts';
import type { Steps } from './steps.ts';

/**
 * How many occurrences lie in (after, upTo], in epoch milliseconds: as many as `nextOccurrence` would give one by one.
 * The time it takes grows with the years in the stretch, not with the occurrences.
 */
export function countOccurrences(timing: Timing, after: number, upTo: number): number {
  if (upTo <= after) return 0;
  const bounds = nominalBounds(timing);
  const nominal = countInstants(timing.schedule, Math.max(after, bounds.after), Math.min(upTo, bounds.upTo));
  // Moving an instant never changes the order, so it only matters which ones it moves over an end of the stretch.
  const movedIn = pendingOccurrence(timing, after) === null ? 0 : 1;
  const movedOut = pendingOccurrence(timing, upTo) === null ? 0 : 1;
  return nominal + movedIn - movedOut;
}

/** The first `limit` occurrences in (after, upTo], oldest first. */
export function* firstOccurrences(timing: Timing, after: number, upTo: number, limit: number): Steps<number[]> {
  const found: number[] = [];
  if (limit === 0) return found;
  for (const at of occurrencesUpTo(timing, after, upTo)) {
    found.push(at);
    if (found.length === limit) break;
    yield;
  }
  return found;
}

/** All occurrences in (after, upTo], oldest first, each computed when it is asked for. */
export function* occurrencesUpTo(timing: Timing, after: number, upTo: number): Generator<number, void> {
  for (const at of occurrencesAfter(timing, after)) {
    if (at > upTo) return;
    yield at;
  }
}

/** The last `limit` occurrences in (after, upTo], oldest first. */
export function* lastOccurrences(timing: Timing, after: number, upTo: number, limit: number): Steps<number[]> {
  if (limit === 0 || upTo <= after) return [];
  const { schedule, jitterMs } = timing;
  const bounds = nominalBounds(timing);
  // The last nominal instant may be moved out of the stretch, an earlier one into it.
  const from = Math.max(after - jitterMs - 1, bounds.after);
  const nominal = yield* lastInstants(schedule, from, Math.min(upTo, bounds.upTo), limit + 1);
  const found: number[] = [];
  for (const each of nominal) {
    const instant = occurrenceOf(timing, each);
    if (instant > after && instant <= upTo) found.push(instant);
    yield;
  }
  return found.slice(-limit);
}

/** The last `limit` instants of a schedule in (after, upTo], oldest first: where they begin is found by halving. */
function* lastInstants(schedule: CompiledSchedule, after: number, upTo: number, limit: number): Steps<number[]> {
  let from = after;
  if (countInstants(schedule, after, upTo) > limit) {
    let to = upTo;
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2);
      if (countInstants(schedule, middle, upTo) >= limit) from = middle;
      else to = middle;
      yield;
    }
  }
  const found: number[] = [];
  for (let at = nextInstant(schedule, from); at !== null && at <= upTo; at = nextInstant(schedule, at)) {
    found.push(at);
    yield;
  }
  return found;
}
