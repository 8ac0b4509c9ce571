/**
 * How many of a number of slots a namespace may take, where several share them.
 *
 * The last eighth is for namespaces that have less than their share: so one that takes slots for long finds that the
 * others still get some at once. The share of a namespace is by weight among those that have a slot. So of namespaces
 * that all wait each gets its share, and no slot stays free. A namespace that shares with nobody may have all slots.
 */

import type { WeightOf } from './turns.ts';

export type Shares = {
  /** Notes that the namespace has so many slots more, or with a negative number fewer. */
  add(namespace: string, count: number): void;
  /** How many of the `free` of all `most` slots it may take now; 0 or less where it may take none. */
  room(namespace: string, free: number, most: number): number;
  /** How many slots it has less than its share; negative where it has more. */
  owed(namespace: string, most: number): number;
  /** Whether this is the first free slot that it may take, or that may be taken by all. */
  hasOpened(namespace: string, free: number, most: number): boolean;
  /** Whether it may take one of them. */
  mayTake(namespace: string, free: number, most: number): boolean;
};

export type SharesOptions = {
  weightOf: WeightOf;
  /** Whether slots are kept for namespaces that have none now. */
  isShared: () => boolean;
};

/** One slot in so many is kept. */
const keptPart = 8;

const keptOf = (most: number) => Math.floor(most / keptPart);

export function createShares({ weightOf, isShared }: SharesOptions): Shares {
  type Use = { namespace: string; slots: number };
  /** Of the namespaces that have had a slot. There are few of them, and nearly always one. */
  const uses: Use[] = [];

  function useOf(namespace: string): Use | undefined {
    for (const use of uses) if (use.namespace === namespace) return use;
    return undefined;
  }

  function shareOf(namespace: string, most: number): number {
    const own = weightOf(namespace);
    let others = 0;
    for (const use of uses) if (use.namespace !== namespace && use.slots > 0) others += weightOf(use.namespace);
    // While no other has a slot it is as if one had.
    const share = Math.floor((most * own) / (own + (others || 1)));
    return Math.min(Math.max(1, share), most - keptOf(most));
  }

  const belowShare = (namespace: string, most: number) => shareOf(namespace, most) - (useOf(namespace)?.slots ?? 0);

  function room(namespace: string, free: number, most: number): number {
    if (!isShared()) return free;
    return Math.min(free, Math.max(belowShare(namespace, most), free - keptOf(most)));
  }

  return {
    room,
    owed: belowShare,
    hasOpened: (namespace, free, most) =>
      room(namespace, free, most) === 1 || (isShared() && free === keptOf(most) + 1),
    add(namespace, count) {
      const use = useOf(namespace);
      if (use === undefined) {
        // One that has nothing any more makes room.
        const idle = uses.findIndex(({ slots }) => slots === 0);
        uses.splice(idle < 0 ? uses.length : idle, idle < 0 ? 0 : 1, { namespace, slots: count });
      } else use.slots += count;
    },
    mayTake(namespace, free, most) {
      if (free <= 0 || !isShared()) return free > 0;
      return free > keptOf(most) || belowShare(namespace, most) > 0;
    },
  };
}
