/** Moves due occurrences from the timetable to the backlog, as many as there is room for. */

import { isZoned } from '../../domain/schedule/schedule.ts';
import type { Partition } from '../cluster/partition.ts';
import type { DueLog } from '../timetable/due-log.ts';
import type { Timetable } from '../timetable/timetable.ts';
import type { Backlog, Waiting } from './backlog.ts';
import type { PreClaimer } from './pre-claimer.ts';

export type DueQueue = {
  /**
   * Takes what is pre-claimed and due at `now` out of the timetable, and takes in what is due and comes before all of
   * that.
   */
  takePreClaimed(now: number): void;
  /** Takes in the occurrences that are due at `now`, in epoch milliseconds. */
  takeIn(now: number): void;
  /** Leaves an occurrence to the other replicas for a while. */
  defer(waiting: Waiting): void;
  /** When there will be more to take in; Infinity when not before something leaves the backlog. */
  next(): number;
};

export type DueQueueOptions = {
  timetable: Timetable;
  dueLog: DueLog;
  backlog: Backlog;
  /** Whether this replica is the one to claim a task's occurrences first. */
  isOwn: Partition['isOwn'];
  /** The occurrences that need no claim. */
  preClaimed: Pick<PreClaimer, 'takeIn' | 'first'>;
  /** Whether calls of this replica are waiting to be made. */
  callsWait: () => boolean;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
};

/** How many due occurrences are kept in memory beyond the timetable; the rest stays implicit in it. */
const backlogLimit = 5_000;
/** How many more are taken at a time that come before all of those. */
const roomForUrgent = 32;
/** How long it goes on at a time, in milliseconds: thousands of rare schedules must not hold the event loop. */
const longestMs = 10;
/**
 * How long an occurrence is left to the replica whose it is. Long enough for a claim, so that the others find most of
 * them taken, and short enough for the least grace of an occurrence and for the promise about a killed replica.
 */
const leftToOwnerMs = 500;
/**
 * While own calls wait it is left for so much longer: to look up thousands in the middle of a burst delays all of it.
 * Both together stay below the least grace.
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

  /** Takes at most `limit` due occurrences that come before `effectiveDueAt`; says whether to go on at once. */
  function take(now: number, limit: number, effectiveDueAt: number): boolean {
    const until = monotonic() + longestMs;
    const { due, missed } = timetable.takeDue(now, limit, effectiveDueAt, () => monotonic() < until);
    dueLog.add(due, missed);
    for (const each of due) {
      if (isOwn(each.entry.uid, isZoned(each.entry.timing.schedule))) backlog.add(each);
      else defer(each);
    }
    return due.length + missed.length === limit;
  }

  return {
    takePreClaimed(now) {
      dueLog.add(preClaimed.takeIn(now), []);
      take(now, roomForUrgent, preClaimed.first()?.effectiveDueAt ?? -Infinity);
    },
    takeIn(now) {
      if (room() > 0) backlog.release(now - mostWaitMs());
      while (room() > 0 && take(now, room(), Infinity));
      // Behind thousands that wait nothing waits that comes before them all.
      if (room() <= 0) take(now, roomForUrgent, backlog.firstEffectiveDueAt());
    },
    defer,
    next() {
      if (room() <= 0) return timetable.next(backlog.firstEffectiveDueAt());
      return Math.min(timetable.next(), backlog.nextRelease() + mostWaitMs());
    },
  };
}
