/** Reads the progress of a bulk change. */

import { isUuid } from '../../domain/input/uuid.ts';
import { ok } from '../../errors.ts';
import { findBulk } from '../../store/bulk/bulks.ts';
import { notFound } from '../refusal.ts';
import { useCase } from '../use-case.ts';

export const getBulk = useCase('reader', async ({ database }, { namespace }, id: string) => {
  const bulk = isUuid(id) ? await findBulk(database.pool, namespace, id) : null;
  return bulk === null ? notFound(`bulk "${id}"`) : ok(bulk);
});
