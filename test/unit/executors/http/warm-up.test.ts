import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import type { Attempt, Executor } from '../../../../src/executors/executor.ts';
import type { HttpExecutor } from '../../../../src/executors/http/executor.ts';
import type { HttpTarget } from '../../../../src/executors/http/target/target.ts';
import { warmUp } from '../../../../src/executors/http/warm-up.ts';
import { attemptOn, startExecutor } from './harness.ts';

/** An executor, and what it was asked to call. */
function observed(): { executor: HttpExecutor; attempts: Attempt<HttpTarget>[] } {
  const real = startExecutor();
  const attempts: Attempt<HttpTarget>[] = [];
  const execute: Executor<HttpTarget> = (attempt) => {
    attempts.push(attempt);
    return real.execute(attempt);
  };
  return { executor: { ...real, execute }, attempts };
}

const warm = (executor: HttpExecutor) => warmUp({ clock: systemClock, executor, newId: randomUUID });

/** Whether somebody listens there. */
function listens(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

test('makes calls that are all answered, to a server of its own that is gone afterwards', async () => {
  const { executor, attempts } = observed();
  const answered = await warm(executor);
  expect(answered).toBeGreaterThan(0);
  expect(answered).toBe(attempts.length);
  const urls = new Set(attempts.map(({ target }) => target.url));
  expect(urls.size).toBe(1);
  const [url = ''] = urls;
  expect(new URL(url).hostname).toBe('127.0.0.1');
  expect(await listens(url)).toBe(false);
  expect(await executor.execute(attemptOn({ url })).outcome).toMatchObject({ status: 'cancelled' });
});

test('ends when its executor is closed', async () => {
  const { executor, attempts } = observed();
  const warming = warm(executor);
  executor.close();
  expect(await warming).toBe(0);
  // What was made at once, and no more.
  expect(attempts.length).toBeLessThan(500);
});

test('is given up after a second of a clock on which calls take long', async () => {
  const { executor, attempts } = observed();
  let now = 0;
  const clock = { ...systemClock, monotonic: () => (now += 1_000) };
  expect(await warmUp({ clock, executor, newId: randomUUID })).toBe(0);
  expect(attempts).toEqual([]);
});
