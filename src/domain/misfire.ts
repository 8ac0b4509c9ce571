/** What becomes of occurrences that were found later than their grace. */

import { parseDuration } from './duration.ts';
import { nextOccurrence, type Timing } from './occurrence.ts';
import type { Misfire } from './task.ts';

/** A task's misfire policy, ready to decide with. */
export type MisfireRule = { policy: Misfire['policy']; graceMs: number; limit: number };

/** No occurrence is missed for being this late: timers and claims take their time, even when nobody asked for grace. */
const leastGraceMs = 1_000;

export function misfireRule({ policy, grace, limit }: Misfire): MisfireRule {
  return { policy, graceMs: Math.max(parseDuration(grace) ?? 0, leastGraceMs), limit };
}

/** What is done about missed occurrences. Instants are epoch milliseconds. */
export type MisfireDecision = {
  /** Those that are fired all the same, oldest first. */
  fire: number[];
  /** Those that are not: the first, the last, and how many; null when there are none. */
  miss: { from: number; to: number; count: number; exact: boolean } | null;
};

/** Counting stops here: the length of an outage must not decide how long it takes to settle. */
const mostCounted = 10_000;

/** Gives a task's next occurrence in question after an instant and up to another, or null. */
type Next = (after: number, upTo: number) => number | null;

/**
 * Decides about a task's occurrences in (after, upTo] that have no run: `skip` fires none, `fire_once` the last,
 * `fire_all` the last `limit`. Null when there are no such occurrences. A count that is not exact is a lower bound.
 */
export function decideMisfires(
  timing: Timing,
  rule: MisfireRule,
  after: number,
  upTo: number,
  hasRun: (instant: number) => boolean,
): MisfireDecision | null {
  const next: Next = (from, to) => {
    let instant = nextOccurrence(timing, from);
    while (instant !== null && instant <= to && hasRun(instant)) instant = nextOccurrence(timing, instant);
    return instant === null || instant > to ? null : instant;
  };
  const first = next(after, upTo);
  if (first === null) return null;
  const wanted = rule.policy === 'skip' ? 0 : rule.policy === 'fire_once' ? 1 : rule.limit;
  const fire = lastOccurrences(next, after, upTo, wanted);
  const end = (fire[0] ?? upTo + 1) - 1;
  const { count, last } = countOccurrences(next, after, end);
  if (count === 0) return { fire, miss: null };
  const to = count < mostCounted ? last : (lastOccurrences(next, last - 1, end, 1)[0] ?? last);
  return { fire, miss: { from: first, to, count, exact: count < mostCounted } };
}

function countOccurrences(next: Next, after: number, upTo: number): { count: number; last: number } {
  let last = after;
  let count = 0;
  for (; count < mostCounted; count++) {
    const instant = next(last, upTo);
    if (instant === null) break;
    last = instant;
  }
  return { count, last };
}

/** The last `wanted` occurrences in (after, upTo], oldest first: found by looking at ever longer stretches before the end. */
function lastOccurrences(next: Next, after: number, upTo: number, wanted: number): number[] {
  if (wanted === 0) return [];
  for (let stretch = 1_000; ; stretch *= 2) {
    const from = Math.max(after, upTo - stretch);
    const found: number[] = [];
    for (let instant = next(from, upTo); instant !== null; instant = next(instant, upTo)) found.push(instant);
    if (found.length >= wanted || from === after) return found.slice(-wanted);
  }
}
