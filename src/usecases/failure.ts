/** The meaning of an error that a use case rejects with, for its caller. */

import { isBadData, isDiskFull, isUnavailable } from '../store/postgres/failure.ts';

/**
 * `unavailable`: the store cannot be reached right now. `disk_full`: nothing can be written. `bad_data`: a value in the
 * input cannot be stored.
 */
export type Failure = 'unavailable' | 'disk_full' | 'bad_data';

/** Null for an unexpected error. */
export function failureOf(error: unknown): Failure | null {
  if (isUnavailable(error)) return isDiskFull(error) ? 'disk_full' : 'unavailable';
  return isBadData(error) ? 'bad_data' : null;
}
