/** What is due and not yet claimed, in the order in which it is to start. */

import { secondsPerPriority } from '../store/claims.ts';
import { createHeap, type HeapItem } from './heap.ts';
import type { DueOccurrence } from './timetable.ts';

/** `doubtful`: a claim of it failed in a way that leaves open whether it was written. */
export type Waiting = DueOccurrence & { doubtful?: boolean };

export type Backlog = {
  size(): number;
  add(due: Waiting): void;
  /** The earliest instant in it, or Infinity. */
  oldest(): number;
  /** Takes out the first `limit`. */
  take(limit: number): Waiting[];
};

/** Ordered as waiting runs are in the database: by instant, each step of priority being worth some seconds of waiting. */
export function createBacklog(): Backlog {
  const heap = createHeap<HeapItem & { due: Waiting }>();
  return {
    size: () => heap.size(),
    oldest: () => heap.items().reduce((least, { due }) => Math.min(least, due.instant), Infinity),
    add(due) {
      heap.put({ due, key: due.instant - due.entry.priority * secondsPerPriority * 1_000, place: -1 });
    },
    take(limit) {
      const taken: Waiting[] = [];
      for (let item = heap.first(); item && taken.length < limit; item = heap.first()) {
        heap.remove(item);
        taken.push(item.due);
      }
      return taken;
    },
  };
}
