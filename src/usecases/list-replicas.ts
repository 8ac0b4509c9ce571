/** Reads which replicas are alive. */

import { ok } from '../errors.ts';
import { listReplicas as findReplicas } from '../store/cluster/replicas.ts';
import { useCase } from './use-case.ts';

export const listReplicas = useCase('reader', async ({ database }, _caller, _input: null) =>
  ok(await findReplicas(database.pool)),
);
