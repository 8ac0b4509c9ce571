import { expect, test } from 'vitest';
import { createRunWaiters } from '../../../src/usecases/runs/run-waiters.ts';
import { createClock, runDueCallbacks } from '../../clock.ts';
import { silent } from '../../silent-log.ts';

function waiters() {
  const clock = createClock();
  const over = new Set<string>();
  const questions: string[][] = [];
  const state = { fails: false };
  const all = createRunWaiters(
    async (ids) => {
      questions.push([...ids]);
      if (state.fails) throw new Error('no database');
      return ids.filter((id) => over.has(id));
    },
    clock,
    silent,
  );
  const ended: string[] = [];
  /** Notes when it is over; answers with what to call when the client goes, or null. */
  function wait(id: string, ms = 1_000, caller = 'ci') {
    let gone = () => {};
    const waiting = all.wait(id, ms, caller, (call) => {
      gone = call;
    });
    void waiting?.then(() => ended.push(id));
    return waiting && (() => gone());
  }
  return { clock, over, questions, all, ended, wait, state };
}

test('a signal wakes those whose run is over, by one question for all', async () => {
  const { over, questions, all, ended, wait } = waiters();
  for (let i = 0; i < 50; i++) wait(`run-${i}`);
  await runDueCallbacks();
  questions.length = 0;
  over.add('run-7');
  all.look();
  await runDueCallbacks();
  expect(ended).toEqual(['run-7']);
  expect(questions.map((ids) => ids.length)).toEqual([50]);
  expect(all.waiting()).toBe(49);
});

test('without a signal it is seen within a quarter of a second, and nothing is asked when nobody waits', async () => {
  const { clock, over, questions, ended, wait, state } = waiters();
  wait('a', 60_000);
  wait('b', 600);
  await runDueCallbacks();
  state.fails = true;
  await clock.advance(250);
  state.fails = false;
  over.add('a');
  await clock.advance(250);
  expect(ended).toEqual(['a']);
  await clock.advance(200);
  // Its time is over.
  expect(ended).toEqual(['a', 'b']);
  const asked = questions.length;
  await clock.advance(10_000);
  expect(questions.length).toBe(asked);
  expect(clock.pending()).toBe(0);
});

test('one caller has so many, all together have so many, and who goes away makes room', async () => {
  const { all, wait } = waiters();
  const own = Array.from({ length: 65 }, (_, i) => wait(`r${i}`));
  expect(own.filter((each) => each === null)).toHaveLength(1);
  const others = Array.from({ length: 256 }, (_, i) => wait(`o${i}`, 1_000, `caller ${i}`));
  expect(others.filter((each) => each === null)).toHaveLength(64);
  expect(all.waiting()).toBe(256);
  own[0]?.();
  own[0]?.();
  await runDueCallbacks();
  expect(all.waiting()).toBe(255);
  expect(wait('again')).not.toBeNull();
  expect(wait('too many')).toBeNull();
});
