/** Decides how a run goes on when one of its attempts ends. */

import type { Retry } from '../task/task.ts';
import { verdictOfLost } from './lost.ts';
import { pauseBeforeRetry } from './retry.ts';
import type { ErrorKind } from './run.ts';

/** An attempt that is over. Instants are epoch milliseconds. */
export type EndedAttempt = {
  /** Counts from 1. */
  attempt: number;
  maxAttempts: number;
  finishedAt: number;
  /** When the run's first attempt started. */
  firstStartedAt: number;
  status: 'succeeded' | 'failed' | 'timed_out' | 'cancelled';
  /** Null when it succeeded. */
  error: { kind: ErrorKind; message: string } | null;
  /** The pause that the target asked for, in milliseconds; null when it asked for none. */
  retryAfterMs: number | null;
  /** The target does not want to be asked again. */
  isFinal: boolean;
};

/** Why it ended before its time: the run was cancelled, or the replica was shut down. Null otherwise. */
export type EarlyEnd = { kind: 'cancel'; reason: string } | { kind: 'shutdown' } | null;

export type Verdict = {
  /** Of the run. */
  status: 'succeeded' | 'failed' | 'timed_out' | 'cancelled' | 'lost' | 'retrying';
  /** Of the attempt. */
  attemptStatus: 'succeeded' | 'failed' | 'timed_out' | 'cancelled' | 'lost';
  error: EndedAttempt['error'];
  reason: string | null;
  /** When the next attempt is due, for `retrying`. */
  retryAt: number | null;
};

/** `random01` is a random number in [0, 1) that spreads the pause before the next attempt. */
export function verdictOf(ended: EndedAttempt, retry: Retry, early: EarlyEnd, random01: number): Verdict {
  const { attempt, maxAttempts, finishedAt, status } = ended;
  // An attempt that ended by itself in the same moment keeps its own outcome.
  if (status === 'cancelled' && early?.kind === 'shutdown')
    return verdictOfLost(
      { attempt, maxAttempts, finishedAt, cancelRequested: false },
      'the replica was shut down',
      'shutdown',
    );
  const reason = status === 'cancelled' && early?.kind === 'cancel' ? early.reason : null;
  const pause =
    ended.error === null || status === 'cancelled' || ended.isFinal
      ? null
      : pauseBeforeRetry(
          retry,
          {
            attempt,
            maxAttempts,
            kind: ended.error.kind,
            retryAfterMs: ended.retryAfterMs,
            spentMs: finishedAt - ended.firstStartedAt,
          },
          random01,
        );
  return {
    status: pause === null ? status : 'retrying',
    attemptStatus: status,
    error: ended.error,
    reason,
    retryAt: pause === null ? null : finishedAt + pause,
  };
}

/**
 * How long an attempt may take, in milliseconds: its own timeout, cut at the end of the run's `maxDuration`. Not
 * positive when that is over already.
 */
export function timeoutOf(timeoutMs: number, maxDurationMs: number | null, spentMs: number): number {
  return maxDurationMs === null ? timeoutMs : Math.min(timeoutMs, maxDurationMs - spentMs);
}
