/** The order in which due occurrences start. */

import { secondsPerPriority } from '../../domain/run/run.ts';

/**
 * The effective due time of an instant (both epoch milliseconds): each step of priority is worth ten seconds of
 * waiting. The least comes first.
 */
export function effectiveDueTime(instant: number, priority: number): number {
  return instant - priority * secondsPerPriority * 1_000;
}
