import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLruCache } from '../../../src/domain/lru-cache.ts';

test('a bounded cache keeps what was asked for last, and the newest value of each key', () => {
  const step = fc.record({ key: fc.integer({ min: 0, max: 12 }), asks: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 2, max: 9 }), (steps, most) => {
      const cache = createLruCache<number, string>(most);
      const newest = new Map<number, string>();
      /** The keys in the order of their last use, the latest first. */
      let used: number[] = [];
      steps.forEach(({ key, asks }, place) => {
        const known = cache.has(key);
        if (asks) expect(cache.get(key)).toBe(known ? newest.get(key) : undefined);
        else {
          newest.set(key, `${place}`);
          cache.set(key, `${place}`);
        }
        if (!asks || known) used = [key, ...used.filter((other) => other !== key)];
        for (const recent of used.slice(0, Math.floor(most / 2))) expect(cache.has(recent)).toBe(true);
        expect([...newest.keys()].filter((each) => cache.has(each)).length).toBeLessThanOrEqual(most);
      });
    }),
  );
});
