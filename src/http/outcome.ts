/** Translates outcomes of use cases: values are given back, refusals thrown as problems. */

import type { Outcome, Refusal } from '../usecases/refusal.ts';
import { invalidField, ProblemError, unprocessable } from './problems.ts';

/** Every 429 says when to try again: where only a deletion or a change of the quota helps, after so many milliseconds. */
const untilChangeMs = 60_000;

/** The value of an outcome; throws the problem of a refusal. */
export function valueOrThrow<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw problemFor(outcome.errors);
}

/** The problem that tells a client of a refusal. */
export function problemFor(refusal: Refusal): ProblemError {
  switch (refusal.kind) {
    case 'invalid_field':
      return invalidField(refusal.errors);
    case 'unprocessable':
      return unprocessable(refusal.errors);
    case 'other_version':
      return new ProblemError(
        'precondition_failed',
        `the task is at version ${refusal.version}, not at the one in If-Match`,
      );
    case 'idempotency_mismatch':
      return new ProblemError(refusal.kind, 'this Idempotency-Key came with another body before');
    case 'quota_exceeded': {
      const { quota, limit, used, afterMs } = refusal;
      const seconds = Math.max(1, Math.ceil((afterMs ?? untilChangeMs) / 1_000));
      const headers = { 'retry-after': String(seconds) };
      return new ProblemError(refusal.kind, refusal.detail, { headers, members: { quota, limit, used } });
    }
    case 'log_gap':
    case 'log_conflict':
      return new ProblemError(refusal.kind, refusal.detail, {
        headers: { 'x-log-next-offset': String(refusal.nextOffset) },
        members: { nextOffset: refusal.nextOffset },
      });
    case 'other_count':
      return new ProblemError('conflict', refusal.detail, { members: { count: refusal.count } });
    case 'too_many_requests':
    case 'unavailable':
      return new ProblemError(refusal.kind, refusal.detail, { headers: { 'retry-after': '1' } });
    default:
      return new ProblemError(refusal.kind, refusal.detail);
  }
}
