/** Repeats what lost a race for a task's one live run. */

import { violatedConstraint } from '../store/postgres/failure.ts';

/** Two triggers of the same moment may both find the task free; the database lets one in, the other looks again. */
export async function retryOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 5 || violatedConstraint(error) !== 'runs_overlap_slot') throw error;
    }
  }
}
