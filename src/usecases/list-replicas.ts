/** Reads which replicas are alive. */

import { everyNamespace } from '../domain/access/namespace.ts';
import { ok } from '../errors.ts';
import { listReplicas as findReplicas } from '../store/cluster/replicas.ts';
import { useCase } from './use-case.ts';

/** Circuits name the targets of all teams: only callers with a role in all namespaces see them. */
export const listReplicas = useCase('reader', async ({ database }, { grants }, _input: null) => {
  const replicas = await findReplicas(database.pool);
  const seesAll = grants.some(({ namespace }) => namespace === everyNamespace);
  return ok(replicas.map(({ breakers, ...replica }) => ({ ...replica, ...(seesAll && { breakers }) })));
});
