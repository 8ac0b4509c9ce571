/** The attempts that a run keeps, and the one that is held. */

import { type Detail, httpStatusOf, otherDetail } from '../../domain/run/detail.ts';
import type { StoredAttempt } from '../schema.ts';

/** A detail as it is kept with an attempt. */
export function detailRecord(detail: Detail | null): Pick<StoredAttempt, 'httpStatus' | 'detail'> {
  const other = otherDetail(detail);
  return { httpStatus: httpStatusOf(detail), ...(other !== null && { detail: other }) };
}

/** An instant as the text that is kept in `runs.attempts`. */
const instantText = (instant: string) =>
  `to_char(${instant}::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The attempts of a run `r` without the one that is held. */
export const closedAttempts = `case when r.heartbeat_due is null then coalesce(r.attempts, '[]') else r.attempts - -1 end`;

/** The attempts of a run `r` once it is cancelled: the one that is held ends with it. `at` is an instant. */
export const cancelledAttempts = (
  at: string,
) => `case when r.heartbeat_due is null then r.attempts else (r.attempts - -1) ||
  ((r.attempts -> -1) || jsonb_build_object('status', 'cancelled', 'finishedAt', ${instantText(at)},
    'error', jsonb_build_object('kind', 'cancelled', 'message', 'cancelled'))) end`;
