/** Groups of runs with the same limits. Waiting runs are ordered within their group. */

import { createHash } from 'node:crypto';
import { type LimitPolicies, limitsOf } from '../../domain/limits/limits.ts';

/**
 * The group of a task, a UUID made of the limits; null where the task has none. Runs of one group have the same
 * limits, so the search for the next run only looks at the first run of each group. Tasks with the same limits share a
 * group; a limit of a task's own (`maxConcurrency`) makes a group of its own. `createdAt` (epoch milliseconds) tells a
 * task from another that had the same id before.
 */
export function limitGroupOf(
  { namespace, id, createdAt }: { namespace: string; id: string; createdAt: number },
  policies: LimitPolicies,
): string | null {
  const limits = limitsOf({ namespace, uid: 0 }, policies);
  if (limits.length === 0) return null;
  const own = policies.maxConcurrency == null ? null : [id, createdAt];
  const hash = createHash('sha256')
    .update(JSON.stringify([limits, own]))
    .digest('hex');
  // UUIDv8 (RFC 9562 §5.8): a hash cut to size.
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
