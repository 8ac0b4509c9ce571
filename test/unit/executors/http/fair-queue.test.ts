import { expect, test } from 'vitest';
import { createFairQueue } from '../../../../src/executors/http/fair-queue.ts';

test('owners are served in turn, each in its own order', () => {
  const queue = createFairQueue<string>(100, () => 1);
  for (const item of ['a1', 'a2', 'a3', 'b1', 'a4', 'c1', 'c2']) expect(queue.push(item.charAt(0), item)).toBe(true);
  const first = [queue.shift(), queue.shift()];
  queue.push('d', 'd1');
  const rest: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) rest.push(item);
  expect([...first, ...rest]).toEqual(['a1', 'b1', 'c1', 'a2', 'd1', 'c2', 'a3', 'a4']);
});

test('an owner has room for so much, which others do not take from it', () => {
  const queue = createFairQueue<string>(5, (item) => item.length);
  expect(queue.push('a', 'more than five')).toBe(true);
  expect(queue.push('a', 'x')).toBe(false);
  expect(queue.push('b', 'xxx')).toBe(true);
  expect(queue.push('b', 'yy')).toBe(true);
  expect(queue.push('b', 'z')).toBe(false);
  expect([queue.shift(), queue.shift()]).toEqual(['more than five', 'xxx']);
  expect(queue.push('b', 'zzz')).toBe(true);
  expect(queue.empty()).toEqual(['yy', 'zzz']);
  expect(queue.shift()).toBeUndefined();
});
