/** Decides about the occurrences of a definition that a change ends: those that have come and have no run. */

import { decideMisfires, type MisfireDecision, type MisfireRule } from '../schedule/misfire.ts';
import { nextOccurrence, type Timing } from '../schedule/occurrence.ts';
import { firstOccurrences, lastOccurrences } from '../schedule/occurrence-count.ts';
import type { Steps } from '../schedule/steps.ts';

/**
 * A stretch whose occurrences may lack their runs: (after, upTo] in epoch milliseconds, and the instants that have one.
 */
export type Unaccounted = { after: number; upTo: number; ran: readonly number[] };

export type Cut = {
  /** Those that are due under the new definition too, oldest first: in time, or late and made up for by its policy. */
  inTime: number[];
  caughtUp: number[];
  /** The others: they may not start any more. */
  miss: MisfireDecision['miss'];
};

/** How many occurrences are looked at one by one; earlier ones are recorded as missed. */
const mostKept = 1_000;
const mostCounted = 10_000;

const missesAll: MisfireRule = { policy: 'skip', graceMs: 0, limit: 0 };

/**
 * Cuts a definition off at `upTo`. `left` is how many more occurrences its `maxRuns` allowed, null without. `stays`
 * says which of its occurrences the new definition has too; null where none of them may start.
 */
export function* cutOff(
  timing: Timing,
  open: Unaccounted,
  left: number | null,
  stays: { rule: MisfireRule; isDue: (instant: number) => boolean } | null,
): Steps<Cut> {
  const within = yield* withinLimit(timing, open, left);
  const { inTime, caughtUp } = stays === null ? noneStay : yield* kept(timing, within, stays.rule, stays.isDue);
  return { inTime, caughtUp, miss: yield* missedIn(timing, within, [...inTime, ...caughtUp]) };
}

/**
 * The occurrences of the stretch with neither a run nor a place in `kept`: the first, the last, and how many; null when
 * none.
 */
export function* missedIn(
  timing: Timing,
  { after, upTo, ran }: Unaccounted,
  kept: readonly number[],
): Steps<Cut['miss']> {
  return (yield* decideMisfires(timing, missesAll, after, upTo, [...ran, ...kept]))?.miss ?? null;
}

/** The stretch up to the last occurrence that `maxRuns` allows: later ones were not due. */
function* withinLimit(timing: Timing, open: Unaccounted, left: number | null): Steps<Unaccounted> {
  if (left === null || left > mostCounted) return open;
  const { after, upTo, ran } = open;
  const have = new Set(ran);
  const first = yield* firstOccurrences(timing, after, upTo, left + have.size + 1);
  const missing = first.filter((instant) => !have.has(instant));
  const beyond = missing[left];
  return beyond === undefined ? open : { ...open, upTo: beyond - 1 };
}

function* kept(
  timing: Timing,
  { after, upTo, ran }: Unaccounted,
  { policy, graceMs, limit }: MisfireRule,
  isDue: (instant: number) => boolean,
): Steps<Pick<Cut, 'inTime' | 'caughtUp'>> {
  const have = new Set(ran);
  function* lastOpen(from: number, to: number, most: number): Steps<number[]> {
    const found: number[] = [];
    for (const instant of yield* lastOccurrences(timing, from, to, most + have.size)) {
      if (!have.has(instant) && isDue(instant)) found.push(instant);
      yield;
    }
    return found.slice(-most);
  }
  const graceFrom = Math.max(after, upTo - graceMs - 1);
  const made = policy === 'skip' ? 0 : policy === 'fire_once' ? 1 : limit;
  return {
    inTime: yield* lastOpen(graceFrom, upTo, mostKept),
    caughtUp: made === 0 ? [] : yield* lastOpen(after, graceFrom, made),
  };
}

/** Whether the instant is an occurrence of this timing, whenever the timing began to count. */
export function isOccurrence(timing: Timing, instant: number): boolean {
  return nextOccurrence({ ...timing, activeFrom: -Infinity }, instant - 1) === instant;
}

const noneStay = { inTime: [], caughtUp: [] };
