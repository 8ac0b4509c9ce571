import { expect, test } from 'vitest';
import type { Steps } from '../../src/domain/schedule/steps.ts';
import { inTurns, resultOf } from '../../src/turns.ts';
import { watchedTurns } from '../turns-watch.ts';

test('a computation in steps pauses by the time that has passed, not by its steps', async () => {
  const { turns, watch } = watchedTurns();
  function* steps(count: number, each: number): Steps<string> {
    for (let step = 0; step < count; step++) {
      watch.now += each;
      yield;
    }
    return 'done';
  }
  expect(await resultOf(steps(1_000, 1), turns)).toBe('done');
  expect(watch.longest()).toBeLessThanOrEqual(9);
  expect(watch.pauses).toBeGreaterThan(100);
  const before = watch.pauses;
  await resultOf(steps(10_000, 0), turns);
  expect(watch.pauses - before).toBeLessThanOrEqual(1);
});

test('so does a sequence, and it ends where enough of it is known', async () => {
  const { turns, watch } = watchedTurns();
  function* items() {
    for (let item = 0; ; item++) {
      watch.now += 5;
      yield item;
    }
  }
  expect(await inTurns(items(), 100, turns)).toHaveLength(100);
  expect(watch.longest()).toBeLessThanOrEqual(10);
  expect(watch.now).toBe(500);
});

test('a sequence that nobody waits for any more is left at the next turn', async () => {
  const { turns, watch } = watchedTurns();
  let made = 0;
  function* items() {
    for (;;) {
      watch.now += 5;
      yield ++made;
    }
  }
  await inTurns(items(), 1_000, turns, () => made < 10);
  expect(made).toBeLessThan(13);
  await inTurns(items(), 1_000, turns, () => false);
  expect(made).toBeLessThan(13);
});
