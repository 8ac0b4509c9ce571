/** Decides about occurrences that were found later than their grace. */

import { parseDuration } from '../input/duration.ts';
import { nextOccurrence, type Timing } from './occurrence.ts';
import { countOccurrences, firstOccurrences, lastOccurrences } from './occurrence-count.ts';
import type { Steps } from './steps.ts';

export const misfirePolicies = ['skip', 'fire_once', 'fire_all'] as const;

/** A task's misfire policy as it is stored; `grace` is a duration, `limit` bounds `fire_all`. */
export type Misfire = { policy: (typeof misfirePolicies)[number]; grace: string; limit: number };

/** The same, ready to decide with. */
export type MisfireRule = { policy: Misfire['policy']; graceMs: number; limit: number };

/**
 * An occurrence that is only this late is not missed: timers and claims take their time, even where a task has no
 * grace.
 */
const leastGraceMs = 1_000;

export function misfireRule({ policy, grace, limit }: Misfire): MisfireRule {
  return { policy, graceMs: Math.max(parseDuration(grace) ?? 0, leastGraceMs), limit };
}

/** How missed occurrences are treated. Instants are epoch milliseconds. */
export type MisfireDecision = {
  /** Those that are fired all the same, oldest first. */
  fire: number[];
  /** Those that are not: the first, the last, and how many; null when there are none. */
  miss: { from: number; to: number; count: number } | null;
};

/**
 * Decides about a task's occurrences in (after, upTo] that have no run: `skip` fires none, `fire_once` the last,
 * `fire_all` the last `limit`. Null when there are no such occurrences. `ran` are the instants of the task's runs;
 * those that are no occurrence of this timing in this stretch do no harm. The time it takes grows with the years in the
 * stretch, `limit` and `ran`, not with the occurrences.
 */
export function* decideMisfires(
  timing: Timing,
  { policy, limit }: MisfireRule,
  after: number,
  upTo: number,
  ran: Iterable<number>,
): Steps<MisfireDecision | null> {
  const present = new Set<number>();
  for (const instant of ran) {
    if (instant > after && instant <= upTo && nextOccurrence(timing, instant - 1) === instant) present.add(instant);
    yield;
  }
  const missing = countOccurrences(timing, after, upTo) - present.size;
  if (missing === 0) return null;
  const wanted = policy === 'skip' ? 0 : policy === 'fire_once' ? 1 : limit;
  const last = (yield* lastOccurrences(timing, after, upTo, wanted + 1 + present.size)).filter(
    (at) => !present.has(at),
  );
  const fire = last.slice(Math.max(0, last.length - wanted));
  const to = last[last.length - wanted - 1];
  const from = (yield* firstOccurrences(timing, after, upTo, present.size + 1)).find(
    (instant) => !present.has(instant),
  );
  const miss = from === undefined || to === undefined ? null : { from, to, count: missing - fire.length };
  return { fire, miss };
}
