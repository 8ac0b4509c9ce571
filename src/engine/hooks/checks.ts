/** Asks `hooks.before` whether a run may start. */

import { judgeBefore } from '../../domain/hooks/before-hook.ts';
import { formatInstant } from '../../domain/input/instant.ts';
import { httpStatusOf } from '../../domain/run/detail.ts';
import type { Registry } from '../../executors/registry.ts';
import type { NoteRuns } from '../../live/live.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { type CheckEnd, type DueCheck, endChecks, takeChecks } from '../../store/runs/claiming/checks.ts';
import { hookAttempt } from './hook-attempt.ts';
import type { HookWork, PutBackCause } from './hook-calls.ts';

export type ChecksOptions = {
  db: Queryable;
  hookTarget: Registry['hookTarget'];
  /** How a check ended: passed, skipped or failed. */
  onChecked: (outcome: string) => void;
  /** Runs were skipped. */
  onSkipped: (count: number) => void;
  noteRuns: NoteRuns;
  /** Runs may start now, or have ended so that the next in the queue may start. */
  onWaiting: () => void;
};

/** The result of the check of a run of this task. */
type End = CheckEnd & Pick<DueCheck, 'namespace' | 'taskId'>;

/** How long a check waits before it is tried again, in milliseconds. */
const pauses: Record<PutBackCause, number> = { shutdown: 0, deferred: 0, busy: 500, slow: 500 };

/** Two replicas ask about the same run only where the first could not write the answer. */
export function beforeChecks({
  db,
  hookTarget,
  onChecked,
  onSkipped,
  noteRuns,
  onWaiting,
}: ChecksOptions): HookWork<DueCheck, End> {
  return {
    name: 'checks',
    bounds: { total: 256, perOrigin: 64, perSlowOrigin: 64, slowMs: 0 },
    take: (limit, now) => takeChecks(db, limit, now),
    call({ namespace, taskId, runId, scheduledFor, trigger, hook, signing }) {
      return (
        hook &&
        hookAttempt(
          hook,
          hookTarget(hook, {
            contentType: 'application/json',
            body: { taskId, runId, scheduledFor: formatInstant(scheduledFor), trigger },
          }),
          {
            namespace,
            taskId,
            runId,
            scheduledFor,
            trigger,
            attempt: 1,
            signing,
            // Not the run's own id: a target that knows both calls by it would take the second for a repetition.
            messageId: `${runId}-before`,
          },
        )
      );
    },
    answered({ runId, namespace, taskId, until, hook }, outcome) {
      const end = { runId, namespace, taskId, until, askAgainAt: null };
      if (outcome === null || hook === null) return { ...end, skipReason: null };
      const { outcome: kind, skipReason } = judgeBefore(
        { ...outcome, httpStatus: httpStatusOf(outcome.detail) },
        hook.onError,
      );
      onChecked(kind);
      return { ...end, skipReason };
    },
    putBack: ({ runId, namespace, taskId, until }, why, now, pauseMs) => ({
      ...{ runId, namespace, taskId, until, skipReason: null },
      askAgainAt: now + Math.max(pauses[why], pauseMs),
    }),
    async write(ends, now) {
      const written = await endChecks(db, ends, now);
      const skipped = ends.filter(({ runId, skipReason }) => skipReason !== null && written.has(runId));
      for (const { namespace, taskId } of skipped) noteRuns(namespace, taskId);
      onSkipped(skipped.length);
      if (ends.some(({ runId, askAgainAt }) => askAgainAt === null && written.has(runId))) onWaiting();
    },
  };
}
