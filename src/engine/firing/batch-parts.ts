/** Batches of occurrences of several namespaces: their order, and what each namespace has in them. */

import { createTurns, inTurns, type WeightOf } from '../../domain/turns/turns.ts';
import { effectiveDueTime } from '../timetable/effective-due-time.ts';
import type { DueOccurrence, Entry } from '../timetable/timetable.ts';

/** The occurrences of one namespace: how many there are, and the first and the last of them. */
export type BatchPart<T extends DueOccurrence = DueOccurrence> = {
  namespace: string;
  count: number;
  first: T;
  last: T;
};

export function partsOf<T extends DueOccurrence>(batch: readonly T[]): BatchPart<T>[] {
  const parts: BatchPart<T>[] = [];
  let part: BatchPart<T> | undefined;
  for (const due of batch) {
    const { namespace } = due.entry;
    if (part?.namespace !== namespace) part = parts.find((each) => each.namespace === namespace);
    if (part === undefined) {
      part = { namespace, count: 0, first: due, last: due };
      parts.push(part);
    }
    part.count++;
    part.last = due;
  }
  return parts;
}

/** Where a batch stands in the order of due occurrences. Of each namespace the most urgent come first in it. */
export type BatchOrder = {
  /** The earliest effective due time, of all or of one namespace; Infinity where it has nothing of it. */
  effectiveDueAt(namespace?: string): number;
  /** Whether each of its namespaces has as much room as it needs. */
  fits(room: (namespace: string) => number): boolean;
};

export function orderOf(batch: readonly DueOccurrence[]): BatchOrder {
  const parts = partsOf(batch);
  return {
    effectiveDueAt(of) {
      let least = Infinity;
      for (const { namespace, first } of parts)
        if (of === undefined || namespace === of)
          least = Math.min(least, effectiveDueTime(first.instant, first.entry.priority));
      return least;
    },
    fits: (room) => parts.every(({ namespace, count }) => count <= room(namespace)),
  };
}

/** Sorts tasks that are due at one instant: by priority, and where there are several namespaces, in turns of these. */
export function sortBurst(burst: Entry[], weightOf: WeightOf): Entry[] {
  burst.sort((a, b) => b.priority - a.priority);
  const isOfOne = burst.every(({ namespace }) => namespace === burst[0]?.namespace);
  return isOfOne ? burst : inTurns(burst, ({ namespace }) => namespace, createTurns(weightOf));
}
