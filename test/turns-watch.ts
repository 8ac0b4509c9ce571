/** Turns by a clock that tests move by hand. */

import { createTurns } from '../src/turns.ts';

/** `longest` is the most time that passed without a pause. */
export function watchedTurns() {
  let [began, longest] = [0, 0];
  const watch = { now: 0, pauses: 0, longest: () => Math.max(longest, watch.now - began) };
  const turns = createTurns(
    () => watch.now,
    (run) =>
      void setImmediate(() => {
        watch.pauses++;
        longest = watch.longest();
        began = watch.now;
        run();
      }),
  );
  return { turns, watch };
}
