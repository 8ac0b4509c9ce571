/** A binary min-heap whose items know their place, so that any of them can be moved or taken out in O(log n). */

export type HeapItem = {
  /** The key that the heap is ordered by; the least comes first. */
  key: number;
  /** The item's index; -1 while it is in no heap. Only the heap writes it. */
  place: number;
};

export type Heap<T extends HeapItem> = {
  size(): number;
  first(): T | undefined;
  /** All of them, in no order; not to be changed. */
  items(): readonly T[];
  /** Those whose key is at most `key`, in no order, and no more than `limit`. */
  upTo(key: number, limit: number): T[];
  /** Adds the item, or moves it to where its key now belongs. */
  put(item: T): void;
  remove(item: T): void;
};

export function createHeap<T extends HeapItem>(): Heap<T> {
  const items: T[] = [];

  function set(item: T, place: number): void {
    items[place] = item;
    item.place = place;
  }

  function up(item: T): void {
    let place = item.place;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = items[parent] as T;
      if (above.key <= item.key) break;
      set(above, place);
      place = parent;
    }
    set(item, place);
  }

  function down(item: T): void {
    let place = item.place;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as T).key < (items[child] as T).key) child++;
      const below = items[child] as T;
      if (below.key >= item.key) break;
      set(below, place);
      place = child;
    }
    set(item, place);
  }

  return {
    size: () => items.length,
    first: () => items[0],
    items: () => items,
    upTo(key, limit) {
      const found: T[] = [];
      // No item has a smaller key than its parent.
      const places = [0];
      for (let place = places.pop(); place !== undefined && found.length < limit; place = places.pop()) {
        const item = items[place];
        if (item === undefined || item.key > key) continue;
        found.push(item);
        places.push(2 * place + 1, 2 * place + 2);
      }
      return found;
    },
    put(item) {
      if (item.place < 0) {
        item.place = items.length;
        items.push(item);
      }
      up(item);
      down(item);
    },
    remove(item) {
      const { place } = item;
      if (place < 0) return;
      const last = items.pop() as T;
      item.place = -1;
      if (last === item) return;
      set(last, place);
      up(last);
      down(last);
    },
  };
}
