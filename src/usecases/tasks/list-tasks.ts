/** Reads pages of tasks. */

import { ok } from '../../errors.ts';
import { listTasks as findPage, readTasks, type TaskFilter } from '../../store/tasks/pages.ts';
import { useCase } from '../use-case.ts';

/** Which tasks are on a page, in the order of their ids, and whether more follow. */
export const listTasks = useCase('reader', async ({ database }, { namespace }, filter: Omit<TaskFilter, 'namespace'>) =>
  ok(await findPage(database.pool, { ...filter, namespace })),
);

/** The tasks with these numbers that are not deleted, in the order of their ids. */
export const getTasks = useCase('reader', async ({ database }, { namespace }, uids: readonly number[]) =>
  ok(await readTasks(database.pool, namespace, uids)),
);
