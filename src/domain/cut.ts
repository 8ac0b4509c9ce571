/** What becomes of a definition's occurrences that have come and have no run when a change puts an end to it. */

import { decideMisfires, type MisfireDecision, type MisfireRule } from './misfire.ts';
import { nextOccurrence, type Timing } from './occurrence.ts';
import { lastOccurrences, occurrencesIn } from './occurrence-count.ts';

/** A stretch whose occurrences may lack their runs: (after, upTo] in epoch milliseconds, and the instants that have one. */
export type Unaccounted = { after: number; upTo: number; ran: readonly number[] };

export type Cut = {
  /** Those that are due under the new definition too, oldest first: in time, or late and made up for by its policy. */
  inTime: number[];
  caughtUp: number[];
  /** The others: they may not start any more. */
  miss: MisfireDecision['miss'];
};

/** Bounds on what is looked at one by one; what lies before that is recorded as missed. */
const mostKept = 1_000;
const mostCounted = 10_000;

const missesAll: MisfireRule = { policy: 'skip', graceMs: 0, limit: 0 };

/**
 * Cuts a definition off at `upTo`. `left` is how many more occurrences its `maxRuns` allowed, null without. `stays` says
 * which of its occurrences the new definition has as well; null where nothing of it may start.
 */
export function cutOff(
  timing: Timing,
  open: Unaccounted,
  left: number | null,
  stays: { rule: MisfireRule; isDue: (instant: number) => boolean } | null,
): Cut {
  const within = withinLimit(timing, open, left);
  const { inTime, caughtUp } = stays === null ? noneStay : kept(timing, within, stays.rule, stays.isDue);
  return { inTime, caughtUp, miss: missedIn(timing, within, [...inTime, ...caughtUp]) };
}

/** What of the stretch has neither a run nor a place in `kept`: the first, the last, and how many; null when nothing. */
export function missedIn(timing: Timing, { after, upTo, ran }: Unaccounted, kept: readonly number[]): Cut['miss'] {
  return decideMisfires(timing, missesAll, after, upTo, [...ran, ...kept])?.miss ?? null;
}

/** The stretch up to the last occurrence that a `maxRuns` allows: what comes after it was not due. */
function withinLimit(timing: Timing, open: Unaccounted, left: number | null): Unaccounted {
  if (left === null || left > mostCounted) return open;
  const { after, upTo, ran } = open;
  const have = new Set(ran);
  const missing = occurrencesIn(timing, after, upTo, left + have.size + 1).filter((instant) => !have.has(instant));
  const beyond = missing[left];
  return beyond === undefined ? open : { ...open, upTo: beyond - 1 };
}

function kept(
  timing: Timing,
  { after, upTo, ran }: Unaccounted,
  { policy, graceMs, limit }: MisfireRule,
  isDue: (instant: number) => boolean,
): Pick<Cut, 'inTime' | 'caughtUp'> {
  const have = new Set(ran);
  const lastOpen = (from: number, to: number, most: number) =>
    lastOccurrences(timing, from, to, most + have.size)
      .filter((instant) => !have.has(instant) && isDue(instant))
      .slice(-most);
  const graceFrom = Math.max(after, upTo - graceMs - 1);
  const made = policy === 'skip' ? 0 : policy === 'fire_once' ? 1 : limit;
  return {
    inTime: lastOpen(graceFrom, upTo, mostKept),
    caughtUp: made === 0 ? [] : lastOpen(after, graceFrom, made),
  };
}

/** Whether the instant is an occurrence of this timing, whenever the timing began to count. */
export function isOccurrence(timing: Timing, instant: number): boolean {
  return nextOccurrence({ ...timing, activeFrom: -Infinity }, instant - 1) === instant;
}

const noneStay = { inTime: [], caughtUp: [] };
