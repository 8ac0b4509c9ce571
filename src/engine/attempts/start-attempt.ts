/** Hands one attempt of a run to the executor of its kind of target. */

import { parseDuration } from '../../domain/input/duration.ts';
import type { StartedRun } from '../../domain/run/run.ts';
import { timeoutOf } from '../../domain/run/verdict.ts';
import type { Executor, StartedAttempt } from '../../executors/executor.ts';
import { failedOutcome } from '../../executors/outcomes.ts';
import type { TakenRun } from '../../store/runs/claiming/dispatch.ts';

export type StartAttemptOptions = {
  execute: Executor;
  /** The token with which the target speaks about its attempt. */
  tokenOf: (runId: string, attempt: number) => string;
};

/**
 * Starts an attempt at `now` (epoch milliseconds). Its timeout is cut at the end of the run's `maxDuration`; where that
 * is over already, the attempt ends at once with a timeout. `effectiveDueAt` is its order among the attempts that wait
 * for a connection.
 */
export function startAttempt(
  { execute, tokenOf }: StartAttemptOptions,
  { runId, attempt, scheduledFor, trigger, snapshot, firstStartedAt, origin, input }: TakenRun,
  effectiveDueAt: number,
  now: number,
): StartedAttempt {
  const { namespace, taskId, target, policies, retry } = snapshot;
  let { timeoutMs } = snapshot;
  if (retry.maxDuration !== null) {
    const spent = firstStartedAt === null ? 0 : now - firstStartedAt;
    timeoutMs = timeoutOf(timeoutMs, parseDuration(retry.maxDuration), spent);
    if (timeoutMs <= 0) return { outcome: Promise.resolve(tooLate(retry.maxDuration)), cancel() {} };
  }
  const heartbeat = policies?.heartbeatTimeout ?? null;
  const holdMs = heartbeat === null ? null : parseDuration(heartbeat);
  return execute({
    namespace,
    taskId,
    runId,
    attempt,
    scheduledFor,
    trigger,
    target,
    timeoutMs,
    fallback: policies?.fallback ?? null,
    ...{ about: snapshot.about, origin, input },
    holdMs,
    atMostOnce: retry.maxAttempts === 1,
    signing: policies?.signing?.secret ?? null,
    token: holdMs !== null ? tokenOf(runId, attempt) : null,
    effectiveDueAt,
  });
}

function tooLate(maxDuration: string) {
  return failedOutcome({ kind: 'timeout', message: `the run's maxDuration of ${maxDuration} is over` }, true);
}

/** The report of an attempt that starts at `startedAt` (epoch milliseconds). */
export function startedRun(run: TakenRun, startedAt: number): StartedRun {
  const { runId, attempt, trigger, origin, scheduledFor } = run;
  const latenessMs = attempt === 1 ? startedAt - scheduledFor : null;
  const { namespace, taskId } = run.snapshot;
  return { namespace, taskId, runId, attempt, trigger, origin, latenessMs };
}
