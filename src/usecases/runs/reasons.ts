/** Says of runs that wait for a quota of their namespace why they wait. */

import { heldByQuota } from '../../store/limits/waiting.ts';
import type { Run } from '../../store/runs/history.ts';
import type { UseCaseContext } from '../context.ts';

/** The same runs. Runs without limits, and those that are over, cost no statement. */
export async function withReasons(
  { database, now }: Pick<UseCaseContext, 'database' | 'now'>,
  runs: readonly Run[],
): Promise<Run[]> {
  const waiting = runs.filter(
    ({ status, limitGroup }) => limitGroup !== null && (status === 'pending' || status === 'retrying'),
  );
  if (waiting.length === 0) return [...runs];
  const held = await heldByQuota(
    database.pool,
    waiting.map(({ id }) => id),
    now(),
  );
  return runs.map((run) => {
    const running = held.get(run.id);
    return running === undefined ? run : { ...run, reason: `namespace ${run.namespace} has ${running} runs running` };
  });
}
