/** Reads namespaces: those in which the caller has a role that may read. */

import { roleIn } from '../../domain/access/grants.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { ok } from '../../errors.ts';
import { listNamespaces as findNamespaces } from '../../store/access/namespaces.ts';
import { notFound } from '../refusal.ts';
import { refusalOf, useCase } from '../use-case.ts';

type Page = { after: string | null; limit: number };

/** In the order of their ids, and whether more follow. */
export const listNamespaces = useCase('reader', async ({ database }, { name, grants }, page: Page) => {
  const mayRead = grants.filter(({ role }) => refusalOf({ name, role }, 'reader') === null);
  const isEverywhere = mayRead.some(({ namespace }) => namespace === everyNamespace);
  const ids = isEverywhere ? null : mayRead.map(({ namespace }) => namespace);
  return ok(await findNamespaces(database.pool, { ...page, ids }));
});

export const getNamespace = useCase('reader', async ({ database }, { name, grants }, { id }: { id: string }) => {
  const role = roleIn(grants, id);
  const found = role && (await findNamespaces(database.pool, { ids: [id], after: null, limit: 1 })).items[0];
  if (!role || !found) return notFound(`namespace "${id}"`);
  return refusalOf({ name, role }, 'reader') ?? ok(found);
});
