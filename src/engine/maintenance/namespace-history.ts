/** Deletes old runs of namespaces with the quota `historyRetention`, where it is shorter than that of the cluster. */

import { parseDuration } from '../../domain/input/duration.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { deleteOldRunsOf, retentions, uidsIn } from '../../store/runs/namespace-history.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';

/** So many tasks are looked at with one statement. */
const tasksAtOnce = 200;

/**
 * One pass in small steps; each gives back whether there is more to do. A pass goes by the tasks of such a namespace, so
 * it costs nothing for the runs of all others, and a namespace without the quota costs nothing at all.
 */
export function createNamespaceCleaner(
  db: Queryable,
  time: Pick<DatabaseTime, 'now'>,
  batchSize: number,
): () => Promise<boolean> {
  let left: { namespace: string; before: number }[] | null = null;
  let uids: number[] = [];
  let before = 0;
  return async () => {
    left ??= (await retentions(db)).map(({ namespace, retention }) => ({
      namespace,
      before: time.now() - (parseDuration(retention) ?? Infinity),
    }));
    if (uids.length === 0) {
      const next = left.shift();
      if (next === undefined) {
        left = null;
        return false;
      }
      before = next.before;
      uids = await uidsIn(db, next.namespace);
      return true;
    }
    const deleted = await deleteOldRunsOf(db, uids.slice(0, tasksAtOnce), before, batchSize);
    if (deleted < batchSize) uids = uids.slice(tasksAtOnce);
    return true;
  };
}
