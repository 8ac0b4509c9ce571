/** Reads pages of the bindings that a caller may administer. */

import { adminScope } from '../../domain/access/grants.ts';
import { ok } from '../../errors.ts';
import { listBindings as findPage } from '../../store/access/bindings.ts';
import { useCase } from '../use-case.ts';

/** Bindings in the order in which they were made, those after the id `after`. */
export const listBindings = useCase(
  'admin',
  async ({ database }, { grants }, page: { after: string | null; limit: number }) =>
    ok(await findPage(database.pool, { ...page, scope: adminScope(grants) })),
);
