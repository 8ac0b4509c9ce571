/** Tasks with the same schedule, so that its instants are computed once for all of them. */

import type { CompiledCron } from '../schedule/calendar.ts';
import { type CompiledSchedule, countInstants, nextInstant } from '../schedule/schedule.ts';
import type { Steps } from '../schedule/steps.ts';
import type { Window } from './window.ts';

/** Tasks that fire in the buckets from `first` up to `end`, which is not one of them. */
export type Span = {
  first: number;
  end: number;
  /** How many tasks of each key there are. */
  tasks: Map<number, number>;
  /** The first of their ids, in order. */
  leaders: string[];
};

export type Group = {
  schedule: CompiledSchedule;
  spans: Map<number, Span>;
  /** The instants in a bucket, of those that were asked for. */
  instants: Map<number, number[]>;
};

export type Groups = {
  /** The group of a schedule that has instants again and again. */
  of(schedule: CompiledSchedule): Group;
  all(): Iterable<Group>;
};

/**
 * Cron patterns are the same where they share a compiled one. Rates are the same where they give every bucket the same
 * number of instants, whatever their anchor.
 */
export function createGroups({ start, bucketMs }: Window): Groups {
  const crons = new Map<CompiledCron, Group>();
  const rates = new Map<string, Group>();

  function found<K>(groups: Map<K, Group>, key: K, schedule: CompiledSchedule): Group {
    let group = groups.get(key);
    if (group === undefined) {
      group = { schedule, spans: new Map(), instants: new Map() };
      groups.set(key, group);
    }
    return group;
  }

  return {
    of(schedule) {
      if (schedule.kind === 'cron') return found(crons, schedule.cron, schedule);
      if (schedule.kind !== 'every') throw new Error('only cron patterns and rates are grouped');
      const { everyMs, anchorMs } = schedule;
      // Instants and the bounds of buckets lie on a grid of this step, so where between two of its lines a rate is
      // anchored makes no difference.
      const grid = greatestCommonDivisor(everyMs, bucketMs);
      const phase = Math.floor(remainder(anchorMs - start, everyMs) / grid) * grid;
      // Anchored before the window: members that begin later have a span of their own.
      const anchored = { kind: 'every' as const, everyMs, anchorMs: start + phase - everyMs };
      return found(rates, `${everyMs} ${phase}`, anchored);
    },
    *all() {
      yield* crons.values();
      yield* rates.values();
    },
  };
}

/** Notes a task of this key that fires in all buckets from `first` up to `end`. */
export function addToSpan(
  group: Group,
  { first, end }: Pick<Span, 'first' | 'end'>,
  { id, key }: { id: string; key: number },
  { count }: Window,
  mostLeaders: number,
): void {
  const place = first * (count + 1) + end;
  let span = group.spans.get(place);
  if (span === undefined) {
    span = { first, end, tasks: new Map(), leaders: [] };
    group.spans.set(place, span);
  }
  span.tasks.set(key, (span.tasks.get(key) ?? 0) + 1);
  const { leaders } = span;
  if (leaders.length === mostLeaders && id >= (leaders[leaders.length - 1] as string)) return;
  let at = leaders.length;
  while (at > 0 && id < (leaders[at - 1] as string)) at--;
  leaders.splice(at, 0, id);
  if (leaders.length > mostLeaders) leaders.pop();
}

/** After so many instants of one bucket the others are counted at once. */
const mostByOne = 16;

/** Calls `take` for each bucket in which a schedule has instants, with their number. */
export function* countByBucket(
  schedule: CompiledSchedule,
  { start, bucketMs, count }: Window,
  take: (bucket: number, instants: number) => void,
): Steps<void> {
  const end = start + count * bucketMs;
  let at = nextInstant(schedule, start - 1);
  while (at !== null && at < end) {
    const bucket = Math.floor((at - start) / bucketMs);
    const last = start + (bucket + 1) * bucketMs - 1;
    let instants = 0;
    while (at !== null && at <= last && instants < mostByOne) {
      instants++;
      const next = nextInstant(schedule, at);
      if (instants === mostByOne && next !== null && next <= last) {
        instants += countInstants(schedule, at, last);
        at = nextInstant(schedule, last);
      } else at = next;
      yield;
    }
    take(bucket, instants);
  }
}

/** How many instants a schedule of this group has in (after, upTo], both of which lie in the same bucket. */
export function* countWithin(
  group: Group,
  schedule: CompiledSchedule,
  { after, upTo }: { after: number; upTo: number },
  { start, bucketMs }: Window,
): Steps<number> {
  // The rates of a group have instants of their own.
  if (schedule.kind !== 'cron') return countInstants(schedule, after, upTo);
  const bucket = Math.floor((upTo - start) / bucketMs);
  let instants = group.instants.get(bucket);
  if (instants === undefined) {
    instants = [];
    const begin = start + bucket * bucketMs;
    for (let at = nextInstant(schedule, begin - 1); at !== null; at = nextInstant(schedule, at)) {
      if (at >= begin + bucketMs) break;
      instants.push(at);
      yield;
    }
    group.instants.set(bucket, instants);
  }
  return countUpTo(instants, upTo) - countUpTo(instants, after);
}

/** How many of these instants, in order, come up to `limit`. */
function countUpTo(instants: readonly number[], limit: number): number {
  let [low, high] = [0, instants.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((instants[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function remainder(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
