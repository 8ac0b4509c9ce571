/** A queue in which namespaces take turns; within a namespace the least key comes first. */

import type { Heap, HeapItem } from '../heap.ts';
import type { Turns } from './turns.ts';

export type TurnItem = HeapItem & { readonly namespace: string };

export type TurnQueue<T extends TurnItem> = {
  size(): number;
  /** The namespaces of which something waits. */
  namespaces(): string[];
  /** Whether all that waits is of one namespace, or nothing waits. */
  isOfOne(): boolean;
  has(namespace: string): boolean;
  /** The least key of all, or of one namespace; Infinity where nothing waits. */
  leastKey(namespace?: string): number;
  /** One of those that come first in their namespace. */
  peek(): T | undefined;
  put(item: T): void;
  /** Takes an item out, if it is in. */
  remove(item: T): void;
  /**
   * Takes out the item whose turn it is: of the namespaces that `may` have a turn and have an item below their bound.
   * Undefined where there is none.
   */
  take(may?: (namespace: string) => boolean, bound?: (namespace: string) => number): T | undefined;
  /** All that waits, in no order. */
  items(): T[];
  /** Takes out all that waits. */
  empty(): T[];
};

/** The order within a namespace: a heap, or a list that also keeps the order of items with the same key. */
export type Order<T extends TurnItem> = Pick<Heap<T>, 'size' | 'first' | 'items' | 'put' | 'remove'>;

/**
 * A turn costs a look at each namespace that waits. A single one has every turn, and nothing is kept of it. `createOrder`
 * makes the order of one namespace.
 */
export function createTurnQueue<T extends TurnItem>(turns: Turns, createOrder: () => Order<T>): TurnQueue<T> {
  type Line = { namespace: string; order: Order<T> };
  /** Those of which something waits. */
  const lines: Line[] = [];
  let size = 0;

  /** A loop: there are few lines, and nearly always one. */
  function lineOf(namespace: string): Line | undefined {
    for (const line of lines) if (line.namespace === namespace) return line;
    return undefined;
  }

  function drop(line: Line): void {
    if (line.order.size() === 0) lines.splice(lines.indexOf(line), 1);
  }

  const keyOf = (line: Line) => line.order.first()?.key ?? Infinity;

  return {
    size: () => size,
    namespaces: () => lines.map(({ namespace }) => namespace),
    isOfOne: () => lines.length <= 1,
    has: (namespace) => lineOf(namespace) !== undefined,
    leastKey(namespace) {
      let least = Infinity;
      for (const line of lines)
        if (namespace === undefined || line.namespace === namespace) least = Math.min(least, keyOf(line));
      return least;
    },
    peek: () => lines[0]?.order.first(),
    put(item) {
      let line = lineOf(item.namespace);
      if (line === undefined) {
        line = { namespace: item.namespace, order: createOrder() };
        lines.push(line);
      }
      line.order.put(item);
      size++;
    },
    remove(item) {
      const line = item.place < 0 ? undefined : lineOf(item.namespace);
      if (line === undefined) return;
      line.order.remove(item);
      size--;
      drop(line);
    },
    take(may, bound) {
      let next: Line | undefined;
      let nextAt = Infinity;
      for (const line of lines) {
        const { namespace } = line;
        if ((may && !may(namespace)) || (bound && keyOf(line) >= bound(namespace))) continue;
        const at = lines.length === 1 ? 0 : turns.at(namespace);
        if (next === undefined || at < nextAt || (at === nextAt && keyOf(line) < keyOf(next))) {
          next = line;
          nextAt = at;
        }
      }
      const item = next?.order.first();
      if (next === undefined || item === undefined) return undefined;
      next.order.remove(item);
      size--;
      if (lines.length > 1) turns.took(next.namespace);
      drop(next);
      return item;
    },
    items: () => lines.flatMap(({ order }) => order.items()),
    empty() {
      const items = lines.splice(0).flatMap(({ order }) => order.items());
      size = 0;
      for (const item of items) item.place = -1;
      return items;
    },
  };
}
