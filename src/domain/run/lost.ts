/** Decides how a run goes on when its attempt was lost with the replica that made it. */

/** An attempt whose replica can no longer say how it ended. `finishedAt` is in epoch milliseconds. */
export type LostAttempt = {
  /** Counts from 1. */
  attempt: number;
  maxAttempts: number;
  finishedAt: number;
  cancelRequested: boolean;
};

/** The reason is null where the run keeps the one that came with the request to cancel it. */
export type LostVerdict = {
  /** Of the run. */
  status: 'retrying' | 'lost' | 'cancelled';
  attemptStatus: 'lost';
  error: { kind: 'lost'; message: string };
  reason: string | null;
  /** When the next attempt is due (epoch milliseconds), for `retrying`. */
  retryAt: number | null;
};

/**
 * A lost attempt is not the target's failure. The next one follows at once while attempts are left, without the pause
 * of the retry rule. A run that was to be cancelled gets none. `message` describes the loss of the attempt, `reason`
 * its cause.
 */
export function verdictOfLost(lost: LostAttempt, message: string, reason: string): LostVerdict {
  const { attempt, maxAttempts, finishedAt, cancelRequested } = lost;
  const error = { kind: 'lost' as const, message };
  const ended = { attemptStatus: 'lost' as const, error };
  if (cancelRequested) return { status: 'cancelled', ...ended, reason: null, retryAt: null };
  if (attempt >= maxAttempts) return { status: 'lost', ...ended, reason, retryAt: null };
  return { status: 'retrying', ...ended, reason, retryAt: finishedAt };
}
