/** Reads a page of the history of runs. */

import { ok } from '../../errors.ts';
import { listRuns as findRuns, type RunFilter, uidsOf } from '../../store/runs/history.ts';
import { notFound } from '../refusal.ts';
import { useCase } from '../use-case.ts';

type Filter = Omit<RunFilter, 'namespace'>;

/** The runs that match, newest first. */
export const listRuns = useCase('reader', async ({ database }, { namespace }, filter: Filter) =>
  ok(await findRuns(database, { ...filter, namespace })),
);

/** The same of one task, which may be deleted by now. */
export const listTaskRuns = useCase(
  'reader',
  async ({ database }, { namespace }, filter: Filter & { taskId: string }) => {
    if ((await uidsOf(database, namespace, filter.taskId)).length === 0) return notFound(`task "${filter.taskId}"`);
    return ok(await findRuns(database, { ...filter, namespace }));
  },
);
