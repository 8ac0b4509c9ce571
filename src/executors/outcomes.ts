/** Outcomes of attempts that called nothing. */

import type { Outcome } from './executor.ts';

/** An attempt that failed before anything was called. `isFinal`: another one would fail as well. */
export function failedOutcome(error: NonNullable<Outcome['error']>, isFinal = false): Outcome {
  return {
    status: error.kind === 'timeout' ? 'timed_out' : 'failed',
    detail: null,
    output: null,
    truncated: false,
    error,
    retryAfterMs: null,
    isFinal,
    viaFallback: false,
    deferred: null,
    held: null,
  };
}
