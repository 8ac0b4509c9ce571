/** Spreads work that follows changes: the first change does it at once, those that follow at most four times a second. */

import type { Clock, Timer } from '../clock.ts';

/** The time between two times, in milliseconds, where the work is little. */
export const shortestMs = 250;

export type Pacer = {
  /** Something has changed. */
  mark(): void;
  /** Does what is due later now. */
  flush(): void;
  stop(): void;
};

/** `work` is done for all changes since it was done last. `periodMs` gives the time until it may be done again. */
export function createPacer(
  clock: Pick<Clock, 'after'>,
  work: () => void,
  periodMs: () => number = () => shortestMs,
): Pacer {
  let timer: Timer | null = null;
  let isMarked = false;

  function run(): void {
    isMarked = false;
    timer = clock.after(periodMs(), next);
    work();
  }

  function next(): void {
    timer = null;
    if (isMarked) run();
  }

  return {
    mark() {
      isMarked = true;
      // Changes of the same moment share the work.
      timer ??= clock.after(0, run);
    },
    flush() {
      if (!isMarked) return;
      timer?.cancel();
      run();
    },
    stop() {
      timer?.cancel();
      timer = null;
      isMarked = false;
    },
  };
}
