/** Gathers items that come at the same time, so that they share one statement. */

import { isUnavailable } from '../postgres/failure.ts';

type Waiting<I, A> = { item: I; resolve: (answer: A) => void; reject: (error: unknown) => void };

const batchSize = 100;

/**
 * Writes items with `write`, which answers one of them each, in order: at most `inFlightLimit` writes at once, of those
 * that came meanwhile together. Where a write is refused because of one item, the others are written without it.
 */
export function createGatherer<I, A>(
  write: (items: readonly I[]) => Promise<readonly A[]>,
  inFlightLimit: number,
): (item: I) => Promise<A> {
  let waiting: Waiting<I, A>[] = [];
  let inFlight = 0;
  let scheduled = false;

  async function attempt(batch: readonly Waiting<I, A>[]): Promise<void> {
    try {
      const answers = await write(batch.map(({ item }) => item));
      for (const [place, { resolve }] of batch.entries()) resolve(answers[place] as A);
    } catch (error) {
      // Postgres refuses the statement because of one item. The others must not fail for it.
      if (batch.length > 1 && !isUnavailable(error)) for (const each of batch) await attempt([each]);
      else for (const { reject } of batch) reject(error);
    }
  }

  function next(): void {
    scheduled = false;
    while (waiting.length > 0 && inFlight < inFlightLimit) {
      const batch = waiting.slice(0, batchSize);
      waiting = waiting.slice(batchSize);
      inFlight++;
      void attempt(batch).finally(() => {
        inFlight--;
        next();
      });
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      // Items of the same turn of the event loop share the statement.
      if (scheduled || inFlight === inFlightLimit) return;
      scheduled = true;
      setImmediate(next);
    });
}
