/** Occurrences that are due and not yet claimed, in the order in which they start. */

import { createHeap } from '../../domain/heap.ts';
import { createTurnQueue, type TurnItem } from '../../domain/turns/turn-queue.ts';
import { createTurns, type WeightOf } from '../../domain/turns/turns.ts';
import { effectiveDueTime } from '../timetable/effective-due-time.ts';
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
  /** The effective due time of the first occurrence that may be taken, of all or of one namespace, or Infinity. */
  firstEffectiveDueAt(namespace?: string): number;
  /** The namespaces of occurrences that may be taken. */
  namespaces(): string[];
  /** Whether all of these are of one namespace. */
  isOfOne(): boolean;
  /**
   * Takes out at most `limit`, in turns of their namespaces: of each the first, no more than `room` says, and with a
   * `bound` only those that come before it.
   */
  take(limit: number, room?: (namespace: string) => number, bound?: (namespace: string) => number): Waiting[];
};

const unbounded = () => Infinity;

/**
 * A backlog in which namespaces take turns. Within a namespace the order is the effective due time, like that of the
 * runs that wait in the database.
 */
export function createBacklog(weightOf: WeightOf): Backlog {
  type Item = TurnItem & { due: Waiting };
  const queue = createTurnQueue<Item>(createTurns(weightOf), () => createHeap<Item>());
  const aside = createHeap<Item>();

  const itemOf = (due: Waiting, key: number): Item => ({ due, namespace: due.entry.namespace, key, place: -1 });

  function put(due: Waiting, since: number): void {
    queue.put(itemOf(due, effectiveDueTime(since, due.entry.priority)));
  }

  function takeUpTo(limit: number, next: () => Item | undefined): Waiting[] {
    const taken: Waiting[] = [];
    while (taken.length < limit) {
      const item = next();
      if (item === undefined) break;
      taken.push(item.due);
    }
    return taken;
  }

  return {
    size: () => queue.size(),
    oldest() {
      let oldest = Infinity;
      for (const { due } of aside.items()) oldest = Math.min(oldest, due.instant);
      for (const { due } of queue.items()) oldest = Math.min(oldest, due.instant);
      return oldest;
    },
    add: (due) => put(due, due.instant),
    setAside: (due, until) => aside.put(itemOf(due, until)),
    release(now) {
      for (let item = aside.first(); item && item.key <= now; item = aside.first()) {
        aside.remove(item);
        put(item.due, item.key);
      }
    },
    nextRelease: () => aside.first()?.key ?? Infinity,
    firstEffectiveDueAt: (namespace) => queue.leastKey(namespace),
    namespaces: () => queue.namespaces(),
    isOfOne: () => queue.isOfOne(),
    take(limit, room = unbounded, bound = unbounded) {
      if (queue.isOfOne()) {
        const [only = ''] = queue.namespaces();
        return takeUpTo(Math.min(limit, room(only)), () => queue.take(undefined, bound));
      }
      const left = new Map<string, number>();
      const leftOf = (namespace: string) => left.get(namespace) ?? room(namespace);
      return takeUpTo(limit, () => {
        const item = queue.take((namespace) => leftOf(namespace) > 0, bound);
        if (item) left.set(item.namespace, leftOf(item.namespace) - 1);
        return item;
      });
    },
  };
}
