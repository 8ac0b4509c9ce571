/** Whether and when a failed attempt is followed by another. */

import { parseDuration } from '../input/duration.ts';
import type { Retry } from '../task/task.ts';
import type { ErrorKind } from './run.ts';

/**
 * A failed attempt. `attempt` counts from 1; `retryAfterMs` is the pause that the target asked for, or null. `spentMs`
 * has passed since the run's first attempt started.
 */
export type FailedAttempt = {
  attempt: number;
  maxAttempts: number;
  kind: ErrorKind;
  retryAfterMs: number | null;
  spentMs: number;
};

/**
 * The pause before the next attempt in milliseconds, or null when there is to be none. `random01` is a random number in
 * [0, 1) that spreads the pause.
 */
export function pauseBeforeRetry(retry: Retry, failed: FailedAttempt, random01: number): number | null {
  if (failed.attempt >= failed.maxAttempts) return null;
  // The retry rule does not count a dead replica as a failure of the target: its runs go on while attempts are left.
  if (failed.kind !== 'lost' && !(retry.retryOn as readonly string[]).includes(failed.kind)) return null;
  const least = parseDuration(retry.minBackoff) ?? 0;
  const most = parseDuration(retry.maxBackoff) ?? 0;
  const planned =
    retry.backoff === 'fixed'
      ? least
      : retry.backoff === 'linear'
        ? least * failed.attempt
        : least * retry.multiplier ** (failed.attempt - 1);
  const spread = Math.min(planned, most) * (1 + retry.jitter * (2 * random01 - 1));
  const pause = Math.round(Math.min(Math.max(spread, failed.retryAfterMs ?? 0), most));
  const whole = retry.maxDuration === null ? Infinity : (parseDuration(retry.maxDuration) ?? 0);
  return failed.spentMs + pause < whole ? pause : null;
}
