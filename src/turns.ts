/** Lets long computations take turns with everything else that this process does. */

import type { Steps } from './domain/schedule/steps.ts';

export type Turns = {
  /** To be awaited before and between steps of a long computation: goes on at once while there is time left. */
  take(): Promise<void>;
  /** Whether there is no time left. Says so without the cost of a promise: for steps that take microseconds. */
  areOver(): boolean;
};

/**
 * The first `most` items of a sequence that costs something to compute, at most `turnMs` of them at a time. It ends
 * early where `isWanted` says that the caller is gone, so that abandoned requests do not pile up in the queue.
 */
export async function inTurns<T>(
  sequence: Iterable<T>,
  most: number,
  turns: Turns,
  isWanted: () => boolean = () => true,
): Promise<T[]> {
  const items: T[] = [];
  await turns.take();
  if (most === 0 || !isWanted()) return items;
  for (const item of sequence) {
    items.push(item);
    if (items.length === most) break;
    if (turns.areOver()) {
      await turns.take();
      if (!isWanted()) break;
    }
  }
  return items;
}

/** The result of a computation in steps, for at most `turnMs` at a time. */
export async function resultOf<T>(steps: Steps<T>, turns: Turns): Promise<T> {
  for (;;) {
    if (turns.areOver()) await turns.take();
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * The length of a turn, in milliseconds. A turn, its last step and the requests in between stay far below 50 ms
 * together.
 */
const turnMs = 8;

/**
 * One queue for all its users. Between two turns the event loop handles its other work once. `later` runs a
 * function after that, `monotonic` gives milliseconds.
 */
export function createTurns(monotonic: () => number, later: (run: () => void) => void): Turns {
  const waiting: (() => void)[] = [];
  let endsAt = Number.NEGATIVE_INFINITY;
  const areOver = () => monotonic() >= endsAt;

  function next(): void {
    endsAt = monotonic() + turnMs;
    waiting.shift()?.();
    if (waiting.length > 0) later(next);
  }

  return {
    areOver,
    take() {
      if (!areOver()) return Promise.resolve();
      return new Promise((resume) => {
        waiting.push(resume);
        if (waiting.length === 1) later(next);
      });
    },
  };
}
