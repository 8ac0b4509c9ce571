/** The limits that a run has to pass before it starts, as one text that is kept with it. */

import { parseDuration } from './duration.ts';
import type { Policies } from './policies.ts';

/** Stands in a gate for the number of the task, which is not known before it is stored. */
export const ownTask = '{uid}';

/**
 * The gate of a task's runs: `task:{uid}=3 concurrency:reports=5 rate:api=100/60000` (milliseconds), or null where it has
 * no limits. Keys hold no blanks, so the text can be taken apart again.
 */
export function gateOf({ maxConcurrency, concurrency, rate }: Omit<Policies, 'hooks'>): string | null {
  const parts: string[] = [];
  if (maxConcurrency !== null) parts.push(`task:${ownTask}=${maxConcurrency}`);
  if (concurrency !== null) parts.push(`concurrency:${concurrency.key}=${concurrency.limit}`);
  if (rate !== null) parts.push(`rate:${rate.key}=${rate.limit}/${parseDuration(rate.period) ?? 0}`);
  return parts.length === 0 ? null : parts.join(' ');
}
