/** SQL about the attempts that a run keeps, and about the one that its target works on by itself. */

/** An instant as the text that is kept in `runs.attempts`. */
const instantText = (instant: string) =>
  `to_char(${instant}::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** The attempts of a run `r` without the one that its target works on. */
export const closedAttempts = `case when r.heartbeat_due is null then coalesce(r.attempts, '[]') else r.attempts - -1 end`;

/**
 * The attempts of a run `r` once it is cancelled: the one that its target works on ends with it. `at` is an instant.
 */
export const cancelledAttempts = (
  at: string,
) => `case when r.heartbeat_due is null then r.attempts else (r.attempts - -1) ||
  ((r.attempts -> -1) || jsonb_build_object('status', 'cancelled', 'finishedAt', ${instantText(at)},
    'error', jsonb_build_object('kind', 'cancelled', 'message', 'cancelled'))) end`;
