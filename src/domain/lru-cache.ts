/** A bounded cache: what was not asked for longest goes first. */

export type LruCache<K, T> = {
  /** The value kept for a key, which counts as asking for it. */
  get(key: K): T | undefined;
  /** Whether there is one, which does not. */
  has(key: K): boolean;
  set(key: K, value: T): void;
};

/** Keeps at most `most` values. */
export function createLruCache<K, T>(most: number): LruCache<K, T> {
  // A Map keeps the order in which keys were put in.
  const values = new Map<K, T>();
  return {
    get(key) {
      const value = values.get(key);
      if (value !== undefined) {
        values.delete(key);
        values.set(key, value);
      }
      return value;
    },
    has: (key) => values.has(key),
    set(key, value) {
      values.delete(key);
      values.set(key, value);
      if (values.size > most) values.delete(values.keys().next().value as K);
    },
  };
}
