/** Limits how much of the event loop cheap and expensive answers take, even when they are asked for very often. */

import type { Clock } from '../../clock.ts';

/** How often waiting work gets a new budget, in milliseconds. */
const periodMs = 50;

/**
 * Runs the work, now or later. Null when too much waits already. Else returns a function that withdraws the work while
 * it waits.
 */
export type Budget = (work: () => void) => (() => void) | null;

/**
 * Runs work at once, up to `perPeriod` times in 50 ms. More work waits for the next period, in order, up to
 * `mostWaiting`. Otherwise a client that repeats a refused request at once would take all of the machine's time.
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

/** An expensive answer may take one part of this many of the time. */
const oneIn = 10;

/**
 * Spends at most a tenth of the time on `make`. Callers that ask in the meantime wait and share the next result. A
 * result is always begun after its callers asked.
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
