/** Turns the outcome of an attempt into what is written down about its run. */

import { formatInstant } from '../../domain/input/instant.ts';
import type { StoredAttemptStatus } from '../../domain/run/run.ts';
import { type EarlyEnd, verdictOf } from '../../domain/run/verdict.ts';
import type { Outcome, Postponement } from '../../executors/executor.ts';
import type { TakenRun } from '../../store/runs/dispatch.ts';
import type { Parting, Settlement } from '../../store/runs/outcome-writes.ts';

/** When the attempt started and ended, in epoch milliseconds, and a random number in [0, 1) for the pause before the next. */
export type AttemptTimes = { startedAt: number; finishedAt: number; share: number };

/** What people read about a run that waits because its target was not called. */
const postponementReasons: Record<Postponement['cause'], string> = {
  circuit_open: 'the circuit to the target is open',
  origin_full: "calls that do not end take all connections to the target's origin",
};

/** What becomes of a run whose attempt is over. */
export function settlementOf(run: TakenRun, outcome: Outcome, early: EarlyEnd, at: AttemptTimes): Settlement {
  const { attempt, plan } = run;
  const verdict = verdictOf(
    {
      attempt,
      maxAttempts: plan.maxAttempts,
      finishedAt: at.finishedAt,
      firstStartedAt: run.firstStartedAt ?? at.startedAt,
      status: outcome.status as 'succeeded' | 'failed' | 'timed_out' | 'cancelled',
      error: outcome.error,
      retryAfterMs: outcome.retryAfterMs,
      isFinal: outcome.isFinal,
    },
    plan.retry,
    early,
    at.share,
  );
  const isOnly = attempt === 1 && verdict.retryAt === null && !outcome.viaFallback;
  return {
    runId: run.runId,
    attempt,
    status: verdict.status,
    startedAt: attempt === 1 ? at.startedAt : null,
    finishedAt: at.finishedAt,
    httpStatus: outcome.httpStatus,
    output: outcome.output,
    truncated: outcome.output === null ? null : outcome.truncated,
    error: verdict.error,
    reason: verdict.reason,
    record: isOnly ? null : recordOf(run, outcome, verdict.attemptStatus, verdict.error, at),
    retryAt: verdict.retryAt,
  };
}

/** What becomes of a run whose target works on (`heartbeatMs` is how long it may be silent), or was not called. */
export function partingOf(run: TakenRun, outcome: Outcome, heartbeatMs: number, at: AttemptTimes): Parting {
  const { runId, attempt } = run;
  const base = { runId, attempt, startedAt: attempt === 1 ? at.startedAt : null };
  if (outcome.postponed !== null) {
    const { ms, cause } = outcome.postponed;
    return {
      ...base,
      accepted: null,
      postponed: { until: at.finishedAt + ms, reason: postponementReasons[cause] },
    };
  }
  return {
    ...base,
    postponed: null,
    accepted: {
      record: { ...recordOf(run, outcome, 'running', null, at), finishedAt: null },
      output: outcome.output,
      truncated: outcome.truncated,
      heartbeatDue: at.finishedAt + heartbeatMs,
    },
  };
}

function recordOf(
  run: TakenRun,
  outcome: Outcome,
  status: StoredAttemptStatus,
  error: Settlement['error'],
  at: AttemptTimes,
) {
  return {
    attempt: run.attempt,
    status,
    startedAt: formatInstant(at.startedAt),
    finishedAt: formatInstant(at.finishedAt),
    error,
    httpStatus: outcome.httpStatus,
    ...(outcome.viaFallback ? { fallback: true as const } : {}),
  };
}
