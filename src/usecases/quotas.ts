/** Refusals of writes that a quota of the namespace does not allow. */

import type { Excess, Quotas } from '../domain/access/quotas.ts';
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
  switch (quota) {
    case 'createsPerMinute':
      return `namespace "${namespace}" may create ${limit} tasks a minute, and ${used} were created; try again later`;
    case 'minInterval':
      return `the schedule is due as often as every ${used}; namespace "${namespace}" needs ${limit} between occurrences`;
    default:
      return `namespace "${namespace}" may have ${limit} ${things[quota] ?? quota}, and has ${used}; delete one first`;
  }
}
