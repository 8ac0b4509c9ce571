import { expect, test } from 'vitest';
import { createLruCache } from '../../src/domain/lru-cache.ts';

test('a bounded cache keeps what was asked for last, and the newest value of each key', () => {
  const cache = createLruCache<number, string>(3);
  for (const key of [1, 2, 3]) cache.set(key, `old ${key}`);
  expect(cache.get(1)).toBe('old 1');
  cache.set(2, 'new 2');
  cache.set(4, 'old 4');
  expect([1, 2, 3, 4].map((key) => cache.get(key))).toEqual(['old 1', 'new 2', undefined, 'old 4']);
});
