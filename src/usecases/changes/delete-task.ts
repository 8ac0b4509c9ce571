/** Deletes a task; its runs stay in the history. */

import { cutByDeletion } from '../../domain/task/change.ts';
import type { Unaccounted } from '../../domain/task/cut.ts';
import { ok } from '../../errors.ts';
import { removeTask } from '../../store/changes/changes.ts';
import { cancelRunsOf } from '../../store/runs/completing/cancelling.ts';
import { uidsOf } from '../../store/runs/history.ts';
import type { Task } from '../../store/tasks/row.ts';
import { findTask } from '../../store/tasks/tasks.ts';
import { resultOf } from '../../turns.ts';
import { logChange } from '../audit/log-change.ts';
import type { UseCaseContext } from '../context.ts';
import { notFound, type Outcome, refuse } from '../refusal.ts';
import { authorOf, useCase } from '../use-case.ts';
import { correctMiss, noOlderClaims } from './change-task.ts';
import { type Expected, otherVersion } from './expected.ts';

/** Another task of the id than `uid` counts as not there. */
type DeleteTask = { id: string; uid?: number; expected: Expected | null };

/** Nothing of the task starts once this is answered. */
export const deleteTask = useCase(
  'admin',
  async (context, caller, { id, uid, expected }: DeleteTask): Promise<Outcome<null>> => {
    const { database, calendar, holdingTurns } = context;
    const current = await findTask(database.pool, caller.namespace, id);
    if (!current) {
      // It may repeat a deletion that was committed and then failed.
      await endRunsOf(context, caller.namespace, id, await uidsOf(database, caller.namespace, id));
      return notFound(`task "${id}"`);
    }
    if (uid !== undefined && current.uid !== uid) return notFound(`task "${id}"`);
    const other = otherVersion(expected, current);
    if (other) return other;
    const version = expected === null ? null : current.version;
    const cut = async (task: Task, open: Unaccounted) =>
      (await resultOf(cutByDeletion(task, open, calendar), holdingTurns)).miss;
    const author = authorOf(caller);
    const gone = await removeTask(database, current.namespace, id, version, cut, author);
    if (!gone)
      return version === null ? notFound(`task "${id}"`) : refuse('precondition_failed', 'the task has changed');
    logChange(context, author, 'task.deleted', current);
    context.signal('tasks');
    const { missed } = gone;
    await endRunsOf(context, current.namespace, id, [gone.uid], async () => {
      if (missed) await correctMiss(context, missed);
    });
    return ok(null);
  },
);

/** Waits for claims that did not see the deletion of these tasks of one id, then cancels their waiting runs. */
async function endRunsOf(
  context: UseCaseContext,
  namespace: string,
  id: string,
  uids: readonly number[],
  between = async () => {},
): Promise<void> {
  if (uids.length === 0) return;
  await noOlderClaims(context);
  await between();
  for (const uid of uids) {
    const { cancelled } = await cancelRunsOf(context.database.pool, uid, 'pending', 'task deleted', context.now());
    context.metrics.cancelled('delete', cancelled);
    context.noteRuns(namespace, id, cancelled);
  }
}
