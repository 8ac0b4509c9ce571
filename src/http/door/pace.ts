/** Keeps cheap answers and dear ones from taking all of the event loop, however often they are asked for. */

import type { Clock } from '../../clock.ts';

/** How often waiting work gets a new budget, in milliseconds. */
const periodMs = 50;

/**
 * Null when too much waits already; otherwise a function that takes the work back while it waits, and does nothing
 * later.
 */
export type Budget = (work: () => void) => (() => void) | null;

/**
 * Runs work at once, up to `perPeriod` times in 50 ms; what is beyond that waits for the next period, in order, up to
 * `mostWaiting`. A client that is told "not now" and asks again at once would otherwise be answered as fast as the
 * machine can, and nothing else would be.
 */
export function createBudget(perPeriod: number, mostWaiting: number, clock: Clock): Budget {
  let left = perPeriod;
  let isCounting = false;
  const waiting = new Set<{ work: () => void }>();

  function next(): void {
    isCounting = false;
    left = perPeriod;
    for (const entry of waiting) {
      if (left === 0) break;
      waiting.delete(entry);
      run(entry.work);
    }
  }

  function run(work: () => void): void {
    left--;
    if (!isCounting) {
      isCounting = true;
      clock.after(periodMs, next);
    }
    work();
  }

  return (work) => {
    if (left > 0 && waiting.size === 0) {
      run(work);
      return () => {};
    }
    if (waiting.size >= mostWaiting) return null;
    const entry = { work };
    waiting.add(entry);
    return () => void waiting.delete(entry);
  };
}

/** A dear answer may take one part in so many of the time. */
const oneIn = 10;

/**
 * Makes something at most for a tenth of the time: who asks meanwhile waits, and all who wait share the next one. What
 * is made was begun after it was asked for.
 */
export function createShared<T>(make: () => Promise<T>, clock: Clock): () => Promise<T> {
  let next: Promise<T> | null = null;
  let previous: Promise<unknown> = Promise.resolve();
  let notBefore = 0;

  async function timed(): Promise<T> {
    const began = clock.monotonic();
    try {
      return await make();
    } finally {
      const ended = clock.monotonic();
      notBefore = ended + (ended - began) * (oneIn - 1);
    }
  }

  async function makeNext(): Promise<T> {
    await previous;
    const wait = notBefore - clock.monotonic();
    if (wait > 0) await new Promise<void>((resume) => clock.after(wait, resume));
    next = null;
    const made = timed();
    previous = made.catch(() => {});
    return made;
  }

  return () => {
    next ??= makeNext();
    return next;
  };
}
