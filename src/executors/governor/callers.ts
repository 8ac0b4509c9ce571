/** The callers of one group of calls: which namespace may have one of its slots, and who waits for one. */

import { createSortedList } from '../../domain/sorted-list.ts';
import { createShares } from '../../domain/turns/shares.ts';
import { createTurnQueue, type TurnItem, type TurnQueue } from '../../domain/turns/turn-queue.ts';
import { createTurns, type WeightOf } from '../../domain/turns/turns.ts';

export type Callers<Waiting extends TurnItem> = Omit<TurnQueue<Waiting>, 'take'> & {
  /** Takes note of a call. Whether it need not wait: there is a slot for its namespace, and no other of it waits. */
  mayEnter(namespace: string, free: number, most: number): boolean;
  /** Takes out the caller whose turn it is; undefined where none may have one of the `free` of all `most` slots. */
  next(free: number, most: number): Waiting | undefined;
  /** Notes that a namespace has one slot more or fewer. */
  note(namespace: string, count: 1 | -1): void;
};

/** For so long after the namespace of the calls changed, slots are kept for others, in milliseconds. */
const sharedForMs = 10 * 60_000;

export function createCallers<Waiting extends TurnItem>(weightOf: WeightOf, monotonic: () => number): Callers<Waiting> {
  const queue = createTurnQueue<Waiting>(createTurns(weightOf), () => createSortedList<Waiting>());
  const shares = createShares({ weightOf, isShared: () => monotonic() - changedAt < sharedForMs });
  let last: string | null = null;
  let changedAt = -Infinity;

  return {
    ...queue,
    mayEnter(namespace, free, most) {
      if (namespace !== last) {
        if (last !== null) changedAt = monotonic();
        last = namespace;
      }
      return shares.mayTake(namespace, free, most) && !queue.has(namespace);
    },
    next: (free, most) => (free > 0 ? queue.take((namespace) => shares.mayTake(namespace, free, most)) : undefined),
    note: shares.add,
  };
}
