import { expect, test } from 'vitest';
import { createBudget, createShared } from '../../../../src/http/door/pace.ts';
import { createClock, runDueCallbacks } from '../../../clock.ts';

test('what is over the budget comes later, in order', async () => {
  const clock = createClock();
  const budget = createBudget(2, 10, clock);
  const done: number[] = [];
  for (let i = 1; i <= 5; i++) budget(() => done.push(i));
  expect(done).toEqual([1, 2]);
  await clock.advance(49);
  expect(done).toEqual([1, 2]);
  await clock.advance(1);
  expect(done).toEqual([1, 2, 3, 4]);
  // Those who come now stand behind those who wait.
  budget(() => done.push(6));
  await clock.advance(50);
  expect(done).toEqual([1, 2, 3, 4, 5, 6]);
  await clock.advance(1_000);
  budget(() => done.push(7));
  expect(done.at(-1)).toBe(7);
});

test('what is taken back costs nothing, and only so much waits', async () => {
  const clock = createClock();
  const budget = createBudget(2, 3, clock);
  const done: number[] = [];
  const ask = (i: number) => budget(() => done.push(i));
  const takeBack = [1, 2, 3, 4, 5].map(ask);
  expect(takeBack.every((each) => each !== null)).toBe(true);
  expect(ask(6)).toBeNull();
  takeBack[2]?.();
  takeBack[2]?.();
  expect(ask(7)).not.toBeNull();
  expect(ask(8)).toBeNull();
  await clock.advance(50);
  // The one that was taken back is not one of the two.
  expect(done).toEqual([1, 2, 4, 5]);
  takeBack[4]?.();
  await clock.advance(50);
  expect(done).toEqual([1, 2, 4, 5, 7]);
});

test('those who ask at the same time share what is made after they asked, for a tenth of the time', async () => {
  const clock = createClock();
  let made = 0;
  const shared = createShared(async () => {
    const number = ++made;
    await new Promise<void>((resume) => clock.after(20, resume));
    return number;
  }, clock);
  const first = [shared(), shared()];
  await clock.advance(10);
  // The first is being made already: what was true before it must not be told to those who come now.
  const second = [shared(), shared()];
  await clock.advance(10);
  expect(await Promise.all(first)).toEqual([1, 1]);
  await clock.advance(179);
  expect(made).toBe(1);
  await clock.advance(1);
  expect(made).toBe(2);
  await clock.advance(20);
  expect(await Promise.all(second)).toEqual([2, 2]);
  await clock.advance(10_000);
  void shared();
  await runDueCallbacks();
  expect(made).toBe(3);
});

test('a failure is told to those who asked, and to nobody else', async () => {
  const clock = createClock();
  let fails = true;
  const shared = createShared(async () => {
    if (fails) throw new Error('no');
    return 'yes';
  }, clock);
  await expect(shared()).rejects.toThrow('no');
  fails = false;
  await expect(shared()).resolves.toBe('yes');
});
