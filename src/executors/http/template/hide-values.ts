/** Hides the values of secrets in the outcome of the call that had them. */

import { cutOutput } from '../../../domain/run/output.ts';
import { createMasker } from '../../../domain/secrets/masking.ts';
import type { Outcome, StartedAttempt } from '../../executor.ts';

/** The same attempt, whose outcome repeats none of these values. */
export function hideValues(started: StartedAttempt, values: readonly string[]): StartedAttempt {
  return { ...started, outcome: started.outcome.then((outcome) => hidden(outcome, values)) };
}

function hidden(outcome: Outcome, values: readonly string[]): Outcome {
  const { output, error, status, truncated } = outcome;
  if (!output && error === null) return outcome;
  const masker = createMasker(values);
  if (masker === null) return outcome;
  const isCut = truncated || status === 'timed_out' || status === 'cancelled';
  // An answer that broke off looks like a whole one that tells of a failure.
  const beginning = isCut ? 1 : status === 'failed' ? 4 : undefined;
  const kept = output === null ? null : cutOutput(masker(output, beginning));
  return {
    ...outcome,
    ...(kept !== null && { output: kept.text, truncated: truncated || kept.truncated }),
    error: error && { ...error, message: masker(error.message) },
  };
}
