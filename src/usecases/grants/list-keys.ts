/** Reads pages of the API keys that a caller may administer. */

import { adminScope } from '../../domain/access/grants.ts';
import { ok } from '../../errors.ts';
import { listKeys as findPage } from '../../store/access/keys.ts';
import { useCase } from '../use-case.ts';

/** Keys in the order in which they were made, those after the id `after`. */
export const listKeys = useCase(
  'admin',
  async ({ database }, { grants }, page: { after: string | null; limit: number }) =>
    ok(await findPage(database.pool, { ...page, scope: adminScope(grants) })),
);
