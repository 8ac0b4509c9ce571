/** The order in which due occurrences start. */

import { secondsPerPriority } from '../../domain/run/run.ts';

/**
 * The least comes first: by instant (epoch milliseconds), each step of priority being worth some seconds of waiting.
 */
export function effectiveDueTime(instant: number, priority: number): number {
  return instant - priority * secondsPerPriority * 1_000;
}
