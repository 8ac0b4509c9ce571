/** The due log: the occurrences that the timetable gave out since the watermark. The sweep looks for their runs. */

import type { DueOccurrence, MissedStretch } from './timetable.ts';

export type DueLog = {
  add(due: readonly DueOccurrence[], missed: readonly MissedStretch[]): void;
  /** The occurrences given out for instants after `watermark` and up to `horizon`. */
  within(watermark: number, horizon: number): { due: DueOccurrence[]; missed: MissedStretch[] };
  /** Forgets the occurrences up to the watermark: they have their rows. */
  forget(watermark: number): void;
};

export function createDueLog(): DueLog {
  let due: DueOccurrence[] = [];
  let missed: MissedStretch[] = [];
  return {
    add(moreDue, moreMissed) {
      for (const each of moreDue) due.push(each);
      for (const each of moreMissed) missed.push(each);
    },
    within: (watermark, horizon) => ({
      due: due.filter(({ instant }) => instant > watermark && instant <= horizon),
      missed: missed.filter(({ upTo }) => upTo > watermark && upTo <= horizon),
    }),
    forget(watermark) {
      due = due.filter(({ instant }) => instant > watermark);
      missed = missed.filter(({ upTo }) => upTo > watermark);
    },
  };
}
