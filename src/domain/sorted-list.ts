/** A list in the order of the keys of its items; of two with the same key the one that came first. */

import type { HeapItem } from './heap.ts';

/** The same as of a heap. `place` only says whether an item is in the list (0) or not (-1). */
export function createSortedList<T extends HeapItem>() {
  const items: T[] = [];
  return {
    size: () => items.length,
    first: (): T | undefined => items[0],
    /** All of them, in order; not to be changed. */
    items: (): readonly T[] => items,
    put(item: T): void {
      item.place = 0;
      // Nearly always its place is at the end.
      let end = items.length;
      while (end > 0 && (items[end - 1] as T).key > item.key) end--;
      if (end === items.length) items.push(item);
      else items.splice(end, 0, item);
    },
    remove(item: T): void {
      if (item.place < 0) return;
      item.place = -1;
      if (items[0] === item) items.shift();
      else items.splice(items.indexOf(item), 1);
    },
  };
}
