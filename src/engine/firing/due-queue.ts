/** Moves due occurrences from the timetable to the backlog, as many as there is room for. */

import { isZoned } from '../../domain/schedule/schedule.ts';
import type { Partition } from '../cluster/partition.ts';
import type { DueLog } from '../timetable/due-log.ts';
import type { Bound, Timetable } from '../timetable/timetable.ts';
import type { Backlog, Waiting } from './backlog.ts';
import type { PreClaimer } from './pre-claimer.ts';

export type DueQueue = {
  /**
   * Takes the pre-claimed occurrences that are due at `now` out of the timetable. Also takes in due occurrences that
   * come before all of these.
   */
  takePreClaimed(now: number): void;
  /** Takes in the occurrences that are due at `now`, in epoch milliseconds. */
  takeIn(now: number): void;
  /** Leaves an occurrence to the other replicas for a while. */
  defer(waiting: Waiting): void;
  /** When there will be more to take in; Infinity while the backlog is full. */
  next(): number;
};

export type DueQueueOptions = {
  timetable: Timetable;
  dueLog: DueLog;
  backlog: Backlog;
  /** Whether a task is in this replica's partition. */
  isOwn: Partition['isOwn'];
  /** The occurrences that need no claim. */
  preClaimed: Pick<PreClaimer, 'takeIn' | 'first'>;
  /** Whether calls of this replica are waiting to be made. */
  callsWait: () => boolean;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
};

/** The most due occurrences in the backlog. The timetable gives out the rest later. */
const backlogLimit = 5_000;
/** How many urgent occurrences, which come before all of these, are taken at a time besides. */
const roomForUrgent = 32;
/** The longest time for one pass, in milliseconds: thousands of rare schedules must not hold the event loop. */
const longestMs = 10;
/**
 * How long an occurrence is left to the replica of its partition, in milliseconds. This is long enough for a claim, so
 * most of them are taken then. It is shorter than the least grace of an occurrence, and short enough for the promise
 * about a killed replica.
 */
const leftToOwnerMs = 500;
/**
 * It is left for this much longer while this replica's own calls wait, because looking up thousands would delay the
 * burst. Both together are less than the least grace.
 */
const leftWhileBusyMs = 350;

export function createDueQueue(options: DueQueueOptions): DueQueue {
  const { timetable, dueLog, backlog, isOwn, preClaimed, callsWait, monotonic } = options;
  const room = () => backlogLimit - backlog.size();
  const mostWaitMs = () => (callsWait() ? leftWhileBusyMs : 0);

  function defer(waiting: Waiting): void {
    const { entry, instant, nextAt, unconfirmed } = waiting;
    backlog.setAside(
      { entry, instant, nextAt, unconfirmed: unconfirmed ?? false, deferred: true },
      instant + leftToOwnerMs,
    );
  }

  /** Takes at most `limit` due occurrences that come before `bound`. Returns whether to go on at once. */
  function take(now: number, limit: number, bound?: Bound): boolean {
    const until = monotonic() + longestMs;
    const { due, missed } = timetable.takeDue(now, limit, bound, () => monotonic() < until);
    dueLog.add(due, missed);
    for (const each of due) {
      if (isOwn(each.entry.uid, isZoned(each.entry.timing.schedule))) backlog.add(each);
      else defer(each);
    }
    return due.length + missed.length === limit;
  }

  /** What comes before the occurrences in the backlog: more urgent ones, and all of a namespace that has none there. */
  const beforeBacklog: Bound = (namespace) => backlog.firstEffectiveDueAt(namespace);

  return {
    takePreClaimed(now) {
      dueLog.add(preClaimed.takeIn(now), []);
      const first = preClaimed.first();
      if (first) take(now, roomForUrgent, first.order.effectiveDueAt);
    },
    takeIn(now) {
      if (room() > 0) backlog.release(now - mostWaitMs());
      while (room() > 0 && take(now, room()));
      // Neither an urgent occurrence nor another namespace must wait behind the thousands in the backlog.
      if (room() <= 0) take(now, roomForUrgent, beforeBacklog);
    },
    defer,
    next() {
      if (room() <= 0) return timetable.next(beforeBacklog);
      return Math.min(timetable.next(), backlog.nextRelease() + mostWaitMs());
    },
  };
}
