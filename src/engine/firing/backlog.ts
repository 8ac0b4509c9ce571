/** Occurrences that are due and not yet claimed, in the order in which they start. */

import { effectiveDueTime } from '../timetable/effective-due-time.ts';
import { createHeap, type HeapItem } from '../timetable/heap.ts';
import type { DueOccurrence } from '../timetable/timetable.ts';

/**
 * `unconfirmed`: a claim of it failed, and it is not known whether the run was written. `deferred`: it was left to
 * other replicas before. Postgres is then asked whether one of them has claimed it, because a lock may be wrong, or be
 * held by a dead replica.
 */
export type Waiting = DueOccurrence & { unconfirmed?: boolean; deferred?: boolean };

export type Backlog = {
  /** How many may be taken, without those set aside. */
  size(): number;
  add(due: Waiting): void;
  /** Sets one aside until this instant (epoch milliseconds). From then on it may be taken again. */
  setAside(due: Waiting, until: number): void;
  /** Makes those available that were set aside until `now` or earlier. */
  release(now: number): void;
  /** When the first that is set aside may be taken, or Infinity. */
  nextRelease(): number;
  /** The earliest instant in it, set aside or not, or Infinity. */
  oldest(): number;
  /** The effective due time of the first occurrence that may be taken, or Infinity. */
  firstEffectiveDueAt(): number;
  /** Takes out the first `limit`; with an `effectiveDueAt`, only those that come before it. */
  take(limit: number, effectiveDueAt?: number): Waiting[];
};

/** A backlog in the order of the effective due time, like the runs that wait in the database. */
export function createBacklog(): Backlog {
  type Item = HeapItem & { due: Waiting };
  const heap = createHeap<Item>();
  const aside = createHeap<Item>();
  const oldestIn = (items: readonly Item[]) => items.reduce((least, { due }) => Math.min(least, due.instant), Infinity);

  function put(due: Waiting, since: number): void {
    heap.put({ due, key: effectiveDueTime(since, due.entry.priority), place: -1 });
  }

  return {
    size: () => heap.size(),
    oldest: () => Math.min(oldestIn(heap.items()), oldestIn(aside.items())),
    add: (due) => put(due, due.instant),
    setAside: (due, until) => aside.put({ due, key: until, place: -1 }),
    release(now) {
      for (let item = aside.first(); item && item.key <= now; item = aside.first()) {
        aside.remove(item);
        put(item.due, item.key);
      }
    },
    nextRelease: () => aside.first()?.key ?? Infinity,
    firstEffectiveDueAt: () => heap.first()?.key ?? Infinity,
    take(limit, effectiveDueAt = Infinity) {
      const taken: Waiting[] = [];
      for (let item = heap.first(); item && item.key < effectiveDueAt && taken.length < limit; item = heap.first()) {
        heap.remove(item);
        taken.push(item.due);
      }
      return taken;
    },
  };
}
