/** Delivers events to hooks. A delivery is repeated until the hook accepts it or a day has passed. */

import { namespaceMember } from '../../domain/access/namespace.ts';
import { cloudEventType, missEvent, runEvent } from '../../domain/hooks/cloud-event.ts';
import { judgeDelivery, pauseBeforeRedelivery } from '../../domain/hooks/redelivery.ts';
import { httpStatusOf } from '../../domain/run/detail.ts';
import type { Registry } from '../../executors/registry.ts';
import type { Logger } from '../../observability/log.ts';
import { type DeliveryEnd, type DueDelivery, endDeliveries, takeDeliveries } from '../../store/events/deliveries.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { hookAttempt } from './hook-attempt.ts';
import type { HookWork } from './hook-calls.ts';

export type DelivererOptions = {
  db: Queryable;
  log: Logger;
  random: () => number;
  hookTarget: Registry['hookTarget'];
  /** How a call ended: delivered, retried or dropped. */
  onCalled: (hook: string, outcome: string) => void;
};

const busyPauseMs = 200;

/** Delivers each event at least once. No order is promised. */
export function hookDeliveries(options: DelivererOptions): HookWork<DueDelivery, DeliveryEnd> {
  const { db, log, random, hookTarget, onCalled } = options;

  function dropped(row: DueDelivery, attempts: number, error: string): DeliveryEnd {
    const { id, until, attempt, hook, runId, task } = row;
    onCalled(hook, 'dropped');
    log.warn(
      { ...(task && namespaceMember(task.namespace)), taskId: task?.id, runId, hook, attempts, reason: error },
      'an event could not be delivered to a hook: no more tries',
    );
    return { id, until, dueAt: null, attempt, failure: { hook, runId, attempts, error } };
  }

  return {
    name: 'deliverer',
    // A hook that hangs for ten seconds and gets an event a second has some 35 deliveries due a second at the end of a
    // day.
    bounds: { total: 64, perOrigin: 32, perSlowOrigin: 8, slowMs: 1_000 },
    take: (limit, now) => takeDeliveries(db, limit, now),
    call({ id, hook, task, call, signing, runId, run, data, attempt, createdAt }) {
      if (task === null || call === null || (runId !== null && run === null)) return null;
      const body = run ? runEvent(id, hook, task, run, createdAt) : missEvent(id, task, data ?? {}, createdAt);
      return hookAttempt(call, hookTarget(call, { contentType: cloudEventType, body }), {
        namespace: task.namespace,
        taskId: task.id,
        runId: run?.id ?? '',
        scheduledFor: run?.scheduledFor ?? createdAt,
        trigger: run?.trigger ?? 'schedule',
        attempt: attempt + 1,
        messageId: id,
        signing,
      });
    },
    answered(row, outcome, now) {
      const { id, hook, until, createdAt, call, task } = row;
      // The hook does not exist any more.
      if (task === null || call === null) return { id, until, dueAt: null, attempt: row.attempt, failure: null };
      if (outcome === null) return dropped(row, row.attempt, 'the run is no longer kept');
      const attempt = row.attempt + 1;
      const httpStatus = httpStatusOf(outcome.detail);
      const { retryAfterMs } = outcome;
      const succeeded = outcome.status === 'succeeded';
      const verdict = judgeDelivery({ attempt, createdAt, now, succeeded, httpStatus, retryAfterMs }, random());
      if (verdict.outcome === 'dropped') return dropped(row, attempt, outcome.error?.message ?? '');
      onCalled(hook, verdict.outcome);
      return { id, until, dueAt: verdict.outcome === 'retried' ? verdict.dueAt : null, attempt, failure: null };
    },
    putBack({ id, until, attempt }, why, now, pauseMs) {
      const end = { id, until, failure: null };
      // A host that does not answer is not asked for each event: those beyond a few count as tried.
      if (why === 'slow')
        return { ...end, attempt: attempt + 1, dueAt: now + pauseBeforeRedelivery(attempt + 1, random()) };
      return { ...end, attempt, dueAt: now + (why === 'busy' ? busyPauseMs : pauseMs) };
    },
    write: (ends, now) => endDeliveries(db, ends, now),
  };
}
