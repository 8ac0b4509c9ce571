/** Reads one task. */

import { ok } from '../../errors.ts';
import { type LastRun, lastRuns } from '../../store/runs/history.ts';
import type { Task } from '../../store/tasks/row.ts';
import { findTask } from '../../store/tasks/tasks.ts';
import type { UseCaseContext } from '../context.ts';
import { notFound, type Outcome } from '../refusal.ts';
import { type Caller, useCase } from '../use-case.ts';

/** A task with its newest run; null where it has none. */
export type TaskNow = { task: Task; lastRun: LastRun | null };

/** `isKnown` tells whether the caller has this version already; then its last run is not looked up. */
type GetTask = { id: string; isKnown: (task: Task) => boolean };

export const getTask = useCase(
  'reader',
  async (context, caller, { id, isKnown }: GetTask): Promise<Outcome<TaskNow & { isKnown: boolean }>> => {
    const found = await findLiveTask(context, caller, id);
    if (!found.ok) return found;
    const task = found.value;
    return ok(
      isKnown(task) ? { task, lastRun: null, isKnown: true } : { ...(await asOfNow(context, task)), isKnown: false },
    );
  },
);

/** The task of this id, and of this uid where one is given, in the caller's namespace that is not deleted. */
export async function findLiveTask(
  { database }: UseCaseContext,
  { namespace }: Pick<Caller, 'namespace'>,
  id: string,
  uid: number | null = null,
): Promise<Outcome<Task>> {
  const task = await findTask(database.pool, namespace, id);
  return task && (uid === null || task.uid === uid) ? ok(task) : notFound(`task "${id}"`);
}

export async function asOfNow({ database }: UseCaseContext, task: Task): Promise<TaskNow> {
  const last = await lastRuns(database.pool, [task.uid]);
  return { task, lastRun: last.get(task.uid) ?? null };
}

/** The task of an outcome with its newest run. */
export async function taskNow(context: UseCaseContext, outcome: Outcome<Task>): Promise<Outcome<TaskNow>> {
  return outcome.ok ? ok(await asOfNow(context, outcome.value)) : outcome;
}
