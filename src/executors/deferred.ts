/** The outcome of an attempt that was not made. */

import type { Deferral, Outcome } from './executor.ts';

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
