/** Reads a page of the history of runs. */

import { ok } from '../../errors.ts';
import { listRuns as findRuns, type RunFilter, uidsOf } from '../../store/runs/history.ts';
import { notFound } from '../refusal.ts';
import { useCase } from '../use-case.ts';

/** The runs that match, newest first. */
export const listRuns = useCase('reader', async ({ database }, _caller, filter: RunFilter) =>
  ok(await findRuns(database, filter)),
);

/** The same of one task, which may be deleted by now. */
export const listTaskRuns = useCase('reader', async ({ database }, _caller, filter: RunFilter & { taskId: string }) => {
  if ((await uidsOf(database, filter.taskId)).length === 0) return notFound(`task "${filter.taskId}"`);
  return ok(await findRuns(database, filter));
});
