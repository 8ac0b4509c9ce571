/** Reads a page of the audit. */

import { type Grant, roleAnywhere, roleIn } from '../../domain/access/grants.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import { ok } from '../../errors.ts';
import { listNamespacesSince } from '../../store/access/granted-namespaces.ts';
import { type AuditFilter, type AuditPlace, listAudit as findAudit } from '../../store/audit/list.ts';
import type { UseCaseContext } from '../context.ts';
import { notFound, type Outcome } from '../refusal.ts';
import { type Caller, refusalOf, useCase } from '../use-case.ts';

type ListAudit = Omit<AuditFilter, 'namespaces'> & {
  /** Null for all that the caller may see; `*` for what belongs to no namespace. */
  namespace: string | null;
  /** Only entries that follow this one in the list; null for the newest. */
  after: AuditPlace | null;
  limit: number;
  /** In bytes of changes; the first entry may be larger. */
  largest: number;
};

/**
 * Newest first, and whether more follow. An owner sees all entries, those of deleted namespaces too; an admin those of
 * the namespaces that it is admin of, and nothing of an earlier namespace of the same id.
 */
export const listAudit = useCase(
  'admin',
  async (context, caller, { namespace, after, limit, largest, ...filter }: ListAudit) => {
    const seen = await namespacesOf(context, caller, namespace);
    if (!seen.ok) return seen;
    const page = { after, limit, largest };
    return ok(await findAudit(context.database.pool, { ...filter, namespaces: seen.value }, page));
  },
);

/** The namespaces whose entries are wanted, of those that the caller may see; null for all. */
async function namespacesOf(
  { database }: Pick<UseCaseContext, 'database'>,
  { name, grants }: Caller,
  wanted: string | null,
): Promise<Outcome<AuditFilter['namespaces']>> {
  if (roleAnywhere(grants) === 'owner') return ok(wanted === null ? null : [{ id: wanted, since: 0 }]);
  if (wanted === null) {
    const ids = adminOf(grants);
    return ok(await listNamespacesSince(database.pool, ids.includes(everyNamespace) ? null : ids));
  }
  const role = roleIn(grants, wanted);
  if (role === null) return notFound(`namespace "${wanted}"`);
  const refused = refusalOf({ name, role }, wanted === everyNamespace ? 'owner' : 'admin');
  if (refused !== null) return refused;
  const found = await listNamespacesSince(database.pool, [wanted]);
  return found.length === 0 ? notFound(`namespace "${wanted}"`) : ok(found);
}

const adminOf = (grants: readonly Grant[]) => [
  ...new Set(grants.filter(({ role }) => role === 'admin').map(({ namespace }) => namespace)),
];
