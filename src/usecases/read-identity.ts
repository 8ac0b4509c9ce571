/** Tells callers who they are here, and what they may do. */

import { everyNamespace } from '../domain/access/namespace.ts';
import { ok } from '../errors.ts';
import { listGrantedNamespaces } from '../store/access/granted-namespaces.ts';
import { useCase } from './use-case.ts';

export const readIdentity = useCase('anyone', async ({ database }, { name, via, grants }, _input: null) => {
  const granted = grants.map(({ namespace }) => namespace);
  const among = granted.includes(everyNamespace) ? null : granted;
  return ok({ name, via, grants, namespaces: await listGrantedNamespaces(database.pool, among) });
});
