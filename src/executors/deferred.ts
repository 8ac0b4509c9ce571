/** The outcome of an attempt that was not made. */

import type { Outcome, Postponement } from './executor.ts';

/** The target was not called, and may be in `ms` milliseconds. */
export function postponedOutcome(ms: number, cause: Postponement['cause']): Outcome {
  return {
    status: 'postponed',
    httpStatus: null,
    output: null,
    truncated: false,
    error: null,
    retryAfterMs: null,
    isFinal: false,
    viaFallback: false,
    postponed: { ms, cause },
  };
}
