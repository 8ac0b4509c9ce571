/** Reads a page of the history of runs. */

import { ok } from '../../errors.ts';
import { uidsOf } from '../../store/runs/history.ts';
import { listRuns as findRuns, type RunFilter } from '../../store/runs/pages.ts';
import { notFound } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { withReasons } from './reasons.ts';

type Filter = Omit<RunFilter, 'namespace'>;

/** The runs that match, newest first. */
export const listRuns = useCase('reader', async (context, { namespace }, filter: Filter) =>
  ok(await withReasons(context, await findRuns(context.database, { ...filter, namespace }))),
);

/** The same of one task, which may be deleted by now. */
export const listTaskRuns = useCase('reader', async (context, { namespace }, filter: Filter & { taskId: string }) => {
  const { database } = context;
  if ((await uidsOf(database, namespace, filter.taskId)).length === 0) return notFound(`task "${filter.taskId}"`);
  return ok(await withReasons(context, await findRuns(database, { ...filter, namespace })));
});
