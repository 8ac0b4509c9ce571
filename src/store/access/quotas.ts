/** The quotas of a namespace, locked for a write that counts for them. */

import { allQuotas, type Excess, type Quotas } from '../../domain/access/quotas.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { namespaces } from './schema.ts';

/** Locks the row of a namespace until the end of the transaction, and gives its quotas. */
export async function lockQuotas(db: Queryable, namespace: string): Promise<Quotas> {
  const { rows } = await db.query<Row<typeof namespaces, 'quotas'>>({
    name: 'lock-quotas',
    text: 'select quotas from namespaces where id = $1 for no key update',
    values: [namespace],
  });
  return allQuotas(rows[0]?.quotas ?? {});
}

/**
 * Whether one more secret of this name may be written, in the transaction that then writes it: null, or the quota that
 * refuses it. A secret that exists may be written again. The row of the namespace stays locked until the end of the
 * transaction, so that two replicas cannot take the same place.
 */
export async function admitSecret(db: Queryable, namespace: string, name: string): Promise<Excess | null> {
  const { secrets: limit } = await lockQuotas(db, namespace);
  if (limit === null) return null;
  const { rows } = await db.query<{ used: number; exists: boolean }>({
    name: 'count-secrets',
    text: `
      select count(*)::integer as used, coalesce(bool_or(name = $2), false) as exists
      from secrets where namespace = $1`,
    values: [namespace, name],
  });
  const { used = 0, exists = false } = rows[0] ?? {};
  return exists || used < limit ? null : { quota: 'secrets', limit, used, afterMs: null };
}
