/** The due log: what the timetable gave out since the watermark, for the sweep to look for. */

import type { DueOccurrence, MissedStretch } from './timetable.ts';

export type DueLog = {
  add(due: readonly DueOccurrence[], missed: readonly MissedStretch[]): void;
  /** What was given out for instants after `watermark` and up to `horizon`. */
  within(watermark: number, horizon: number): { due: DueOccurrence[]; missed: MissedStretch[] };
  /** Forgets what lies up to the watermark: it has its rows. */
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
