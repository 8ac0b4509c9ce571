/** Quotas of namespaces: the refusals of writes beyond them, and their change. */

import type { Excess, Quotas } from '../domain/access/quotas.ts';
import { formatDuration, parseDuration } from '../domain/input/duration.ts';
import { smallestGap } from '../domain/schedule/smallest-gap.ts';
import type { TaskDefinition } from '../domain/task/task.ts';
import { followQuota } from '../store/tasks/follow-quota.ts';
import type { UseCaseContext } from './context.ts';
import type { Refused } from './refusal.ts';

/** The refusal of a write in the namespace. */
export function quotaExceeded(namespace: string, excess: Excess): Refused {
  return { ok: false, errors: { kind: 'quota_exceeded', ...excess, detail: detailOf(namespace, excess) } };
}

const things: Partial<Record<keyof Quotas, string>> = {
  tasks: 'tasks',
  secrets: 'secrets',
  channels: 'channels',
  monitors: 'monitors',
};

function detailOf(namespace: string, { quota, limit, used }: Excess): string {
  if (limit === 0) return `the quota ${quota} of namespace "${namespace}" is 0; ask an owner for more`;
  switch (quota) {
    case 'createsPerMinute':
      return `namespace "${namespace}" may create ${limit} tasks a minute, and ${used} were created; try again later`;
    case 'minInterval':
      return `the schedule is due as often as every ${used}; namespace "${namespace}" needs ${limit} between occurrences`;
    default:
      return `namespace "${namespace}" may have ${limit} ${things[quota] ?? quota}, and has ${used}; delete one first`;
  }
}

/**
 * The refusal of a schedule whose occurrences are nearer to each other than the namespace's `minInterval`; null where
 * they are not. A quota that another replica changed counts here a second later at most.
 */
export function refusalOfGap(
  { namespaces, calendar, now }: Pick<UseCaseContext, 'namespaces' | 'calendar' | 'now'>,
  namespace: string,
  { schedule, jitter }: Pick<TaskDefinition, 'schedule' | 'jitter'>,
): Refused | null {
  const limit = namespaces.rulesOf(namespace)?.quotas.minInterval ?? null;
  const least = limit === null ? null : parseDuration(limit);
  if (limit === null || least === null) return null;
  const jitterMs = jitter === null ? 0 : (parseDuration(jitter) ?? 0);
  const gap = smallestGap(schedule, jitterMs, now(), calendar, least);
  if (gap === null || gap >= least) return null;
  return quotaExceeded(namespace, { quota: 'minInterval', limit, used: formatDuration(gap), afterMs: null });
}

/**
 * Makes changed quotas of a namespace hold, on all replicas: to be called once they are committed, before the change is
 * answered. Runs under way go on to their end; they count. Rejects after some five seconds where an older transaction
 * does not end; the change then holds a minute later at most.
 */
export async function holdQuotas(
  { database, pause, signal }: Pick<UseCaseContext, 'database' | 'pause' | 'signal'>,
  namespace: string,
): Promise<void> {
  await followQuota(database, namespace, () => pause(2));
  signal('waiting');
}
