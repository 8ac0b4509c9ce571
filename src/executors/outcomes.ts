/** Outcomes of attempts that called nothing. */

import type { Deferral, Outcome } from './executor.ts';

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

/** The target was not called, and may be in `ms` milliseconds. */
export function deferredOutcome(ms: number, cause: Deferral['cause']): Outcome {
  return {
    status: 'deferred',
    detail: null,
    output: null,
    truncated: false,
    error: null,
    retryAfterMs: null,
    isFinal: false,
    viaFallback: false,
    deferred: { ms, cause },
    held: null,
  };
}
