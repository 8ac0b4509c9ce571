/** Moves what is due from the timetable to the backlog, as much as there is room for. */

import type { Backlog, Waiting } from './backlog.ts';
import type { Journal } from './journal.ts';
import type { DueOccurrence, Timetable } from './timetable.ts';

export type Intake = {
  /** Takes in what is due at `now`, in epoch milliseconds. */
  takeIn(now: number): void;
  /** Leaves an occurrence to whoever else claims it, for a while. */
  defer(waiting: Waiting): void;
  /** When there will be more to take in; Infinity when not before something leaves the backlog. */
  next(): number;
};

export type IntakeOptions = {
  timetable: Timetable;
  journal: Journal;
  backlog: Backlog;
  /** Whether this replica is the one to claim a task's occurrences first. */
  isOwn: (uid: number) => boolean;
  /** Takes what is staged and due at this instant out of the timetable: it need not be claimed. */
  takeStaged: (now: number) => readonly DueOccurrence[];
};

/** How many due occurrences are kept in memory beyond the timetable; the rest stays implicit in it. */
const backlogLimit = 5_000;
/**
 * How long an occurrence is left to the replica whose it is. Long enough for a claim, so that the others find most of them
 * taken, and short enough for the least grace of an occurrence and for what is promised where a replica is killed.
 */
const leftToOwnerMs = 500;

export function createIntake({ timetable, journal, backlog, isOwn, takeStaged }: IntakeOptions): Intake {
  const room = () => backlogLimit - backlog.size();

  function defer(waiting: Waiting): void {
    backlog.setAside({ ...waiting, deferred: true }, waiting.instant + leftToOwnerMs);
  }

  return {
    takeIn(now) {
      journal.add(takeStaged(now), []);
      if (room() > 0) backlog.release(now);
      for (let limit = room(), given = limit; limit > 0 && given === limit; limit = room()) {
        const { due, missed } = timetable.takeDue(now, limit);
        given = due.length + missed.length;
        journal.add(due, missed);
        for (const each of due) {
          if (isOwn(each.entry.uid)) backlog.add(each);
          else defer(each);
        }
      }
    },
    defer,
    next: () => (room() > 0 ? Math.min(timetable.next(), backlog.nextRelease()) : Infinity),
  };
}
