/** A queue that serves its owners in turn, so that one with much to do does not keep the others waiting. */

export type FairQueue<T> = {
  /** False, and nothing is added, where too much of this owner waits already. */
  push(owner: string, item: T): boolean;
  /** The first item of the owner whose turn it is; undefined when nothing waits. */
  shift(): T | undefined;
  /** Takes out all that waits. */
  empty(): T[];
};

/** Items of up to `most` in all may wait for each owner, measured by `sizeOf`. A single item may be larger. */
export function createFairQueue<T>(most: number, sizeOf: (item: T) => number): FairQueue<T> {
  /** In the order of their turns. */
  const owners = new Map<string, { items: T[]; size: number }>();

  return {
    push(owner, item) {
      const size = sizeOf(item);
      const own = owners.get(owner);
      if (own === undefined) owners.set(owner, { items: [item], size });
      else if (own.size + size > most) return false;
      else {
        own.items.push(item);
        own.size += size;
      }
      return true;
    },
    shift() {
      for (const [owner, own] of owners) {
        const item = own.items.shift() as T;
        own.size -= sizeOf(item);
        owners.delete(owner);
        if (own.items.length > 0) owners.set(owner, own);
        return item;
      }
      return undefined;
    },
    empty() {
      const items = [...owners.values()].flatMap((own) => own.items);
      owners.clear();
      return items;
    },
  };
}
