/** Turns the outcome of an attempt into the write about its run. */

import { formatInstant } from '../../domain/input/instant.ts';
import type { StoredAttemptStatus } from '../../domain/run/run.ts';
import { type EarlyEnd, verdictOf } from '../../domain/run/verdict.ts';
import type { Deferral, Outcome } from '../../executors/executor.ts';
import { detailRecord } from '../../store/runs/attempt-records.ts';
import type { TakenRun } from '../../store/runs/claiming/dispatch.ts';
import type { HandOver, OutcomeWrite } from '../../store/runs/completing/outcome-writes.ts';

/**
 * When the attempt started and ended, in epoch milliseconds, and a random number in [0, 1) for the pause before the
 * next.
 */
export type AttemptTimes = { startedAt: number; finishedAt: number; random01: number };

/** The texts that the API shows for a run whose attempt was deferred. */
const deferralReasons: Record<Deferral['cause'], string> = {
  circuit_open: 'the circuit to the target is open',
  origin_full: "calls that do not end take all connections to the target's origin",
};

/** The write about a run whose attempt is over. */
export function outcomeWriteOf(run: TakenRun, outcome: Outcome, early: EarlyEnd, at: AttemptTimes): OutcomeWrite {
  const { attempt, snapshot } = run;
  const verdict = verdictOf(
    {
      attempt,
      maxAttempts: snapshot.maxAttempts,
      finishedAt: at.finishedAt,
      firstStartedAt: run.firstStartedAt ?? at.startedAt,
      status: outcome.status as 'succeeded' | 'failed' | 'timed_out' | 'cancelled',
      error: outcome.error,
      retryAfterMs: outcome.retryAfterMs,
      isFinal: outcome.isFinal,
    },
    snapshot.retry,
    early,
    at.random01,
  );
  const isOnly = attempt === 1 && verdict.retryAt === null && !outcome.viaFallback;
  return {
    runId: run.runId,
    attempt,
    status: verdict.status,
    startedAt: attempt === 1 ? at.startedAt : null,
    finishedAt: at.finishedAt,
    detail: outcome.detail,
    output: outcome.output,
    truncated: outcome.output === null ? null : outcome.truncated,
    error: verdict.error,
    reason: verdict.reason,
    record: isOnly ? null : recordOf(run, outcome, verdict.attemptStatus, verdict.error, at),
    retryAt: verdict.retryAt,
  };
}

/** The write about a run that is held or deferred. */
export function handOverOf(run: TakenRun, outcome: Outcome, at: AttemptTimes): HandOver {
  const { runId, attempt } = run;
  const base = { runId, attempt, startedAt: attempt === 1 ? at.startedAt : null };
  if (outcome.deferred !== null) {
    const { ms, cause } = outcome.deferred;
    return {
      ...base,
      held: null,
      deferred: { until: at.finishedAt + ms, reason: deferralReasons[cause] },
    };
  }
  const { until, waitsFor } = outcome.held ?? { until: at.finishedAt, waitsFor: 'end' };
  return {
    ...base,
    deferred: null,
    held: {
      until,
      record: { ...recordOf(run, outcome, 'running', null, at), finishedAt: null, waitsFor },
      detail: outcome.detail,
      output: outcome.output,
      truncated: outcome.truncated,
    },
  };
}

function recordOf(
  run: TakenRun,
  outcome: Outcome,
  status: StoredAttemptStatus,
  error: OutcomeWrite['error'],
  at: AttemptTimes,
) {
  return {
    attempt: run.attempt,
    status,
    startedAt: formatInstant(at.startedAt),
    finishedAt: formatInstant(at.finishedAt),
    error,
    ...detailRecord(outcome.detail),
    ...(outcome.viaFallback ? { fallback: true as const } : {}),
  };
}
