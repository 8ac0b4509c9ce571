/** The slots of a replica: which namespace may take one, and who waits for one. */

import { createSortedList } from '../../domain/sorted-list.ts';
import { createShares, type SharesOptions } from '../../domain/turns/shares.ts';
import { createTurnQueue, type TurnItem } from '../../domain/turns/turn-queue.ts';
import { createTurns } from '../../domain/turns/turns.ts';

/** `Waiting` is a run that waits for a slot. Its `key` is its effective due time. */
export type Slots<Waiting extends TurnItem> = {
  /** How many are neither taken, waited for nor reserved; negative when more runs were claimed than there are slots. */
  free(): number;
  /** How many of the free ones a namespace may take. `own` are slots that the caller has reserved for it or others. */
  room(namespace: string, own?: number): number;
  /** How many slots it has less than its share; negative where it has more. */
  owed(namespace: string): number;
  /** Whether it has just become possible to take one: so far there was none, or none for this namespace or for others. */
  hasOpened(namespace: string): boolean;
  /** Reserves slots, for these namespaces where that is known. The release does nothing the second time. */
  reserve(count: number, parts?: readonly { namespace: string; count: number }[]): { release(): void };
  /** Takes a slot. False where the namespace may not have one now, or others of it wait. */
  take(namespace: string): boolean;
  /** Waits for a slot. */
  wait(item: Waiting): void;
  giveBack(namespace: string): void;
  /** Takes a slot for the item whose turn it is; undefined where none may have one. */
  next(): Waiting | undefined;
  /** Those that wait. */
  waiting(): Waiting[];
  /** Nobody waits any more. */
  sendAway(): void;
};

export function createSlots<Waiting extends TurnItem>(most: number, options: SharesOptions): Slots<Waiting> {
  const queue = createTurnQueue<Waiting>(createTurns(options.weightOf), () => createSortedList<Waiting>());
  /** Of the slots that are taken. */
  const shares = createShares(options);
  /** Of those that are taken, waited for or reserved. */
  const claimed = createShares(options);
  let taken = 0;
  let reserved = 0;

  const free = () => most - taken - queue.size() - reserved;
  const mayTake = (namespace: string) => shares.mayTake(namespace, most - taken, most);

  function note(namespace: string, count: 1 | -1): void {
    taken += count;
    shares.add(namespace, count);
  }

  return {
    free,
    room: (namespace, own = 0) => claimed.room(namespace, free() + own, most),
    owed: (namespace) => claimed.owed(namespace, most),
    hasOpened: (namespace) => free() === 1 || claimed.hasOpened(namespace, free(), most),
    reserve(count, parts = []) {
      reserved += count;
      for (const part of parts) claimed.add(part.namespace, part.count);
      let isKept = true;
      return {
        release() {
          if (!isKept) return;
          isKept = false;
          reserved -= count;
          for (const part of parts) claimed.add(part.namespace, -part.count);
        },
      };
    },
    take(namespace) {
      if (!mayTake(namespace) || queue.has(namespace)) return false;
      note(namespace, 1);
      claimed.add(namespace, 1);
      return true;
    },
    wait(item) {
      queue.put(item);
      claimed.add(item.namespace, 1);
    },
    giveBack(namespace) {
      note(namespace, -1);
      claimed.add(namespace, -1);
    },
    next() {
      const item = queue.take(mayTake);
      if (item) note(item.namespace, 1);
      return item;
    },
    waiting: () => queue.items(),
    sendAway() {
      for (const { namespace } of queue.empty()) claimed.add(namespace, -1);
    },
  };
}
