/** Lets long computations of requests take turns with everything else that this process does. */

export type Turns = {
  /** To be awaited before and between steps of a long computation: goes on at once while there is time left. */
  take(): Promise<void>;
};

/** The first `most` items of a sequence that costs something to compute, at most `turnMs` of them at a time. */
export async function inTurns<T>(sequence: Iterable<T>, most: number, turns: Turns): Promise<T[]> {
  const items: T[] = [];
  await turns.take();
  if (most === 0) return items;
  for (const item of sequence) {
    items.push(item);
    if (items.length === most) break;
    await turns.take();
  }
  return items;
}

/** In milliseconds. With the step that goes beyond it, and the requests that are answered meanwhile, far below 50. */
const turnMs = 8;

/**
 * One queue for all requests: between two turns the event loop looks at everything else once. `later` runs a function after
 * that, `monotonic` gives milliseconds.
 */
export function createTurns(monotonic: () => number, later: (run: () => void) => void): Turns {
  const waiting: (() => void)[] = [];
  let endsAt = Number.NEGATIVE_INFINITY;

  function next(): void {
    endsAt = monotonic() + turnMs;
    waiting.shift()?.();
    if (waiting.length > 0) later(next);
  }

  return {
    take() {
      if (monotonic() < endsAt) return Promise.resolve();
      return new Promise((resume) => {
        waiting.push(resume);
        if (waiting.length === 1) later(next);
      });
    },
  };
}
