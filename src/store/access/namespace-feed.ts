/** The feed of namespaces: the rules of all of them, and what has changed. */

import type { NamespaceRules } from '../../domain/access/namespace-rules.ts';
import { allQuotas } from '../../domain/access/quotas.ts';
import type { Queryable } from '../postgres/database.ts';
import { isNewSince } from '../postgres/snapshots.ts';
import type { Row } from '../rows.ts';
import type { namespaces } from './schema.ts';

type RulesRow = Row<typeof namespaces, 'id' | 'weight' | 'quotas' | 'target_allow' | 'target_deny' | 'closing'>;

/** Every namespace is new since this position. */
export const beforeAllNamespaces = '1:1:';

/**
 * The rules of the namespaces written since `position`, the position to go on from, and how many namespaces there are:
 * a reader that then knows more has missed the end of one.
 */
export async function readNamespaceChanges(
  db: Queryable,
  position: string,
): Promise<{ position: string; changed: NamespaceRules[]; total: number }> {
  const { rows } = await db.query<
    (RulesRow | (Partial<RulesRow> & { id: null })) & { position: string; total: number }
  >({
    name: 'namespace-changes',
    text: `
      select n.id, n.weight, n.quotas, n.target_allow, n.target_deny, n.closing,
        pg_current_snapshot()::text as position, (select count(*) from namespaces)::integer as total
      from (select) as always left join namespaces n on ${isNewSince('n.changed_in', '$1::pg_snapshot')}`,
    values: [position],
  });
  return {
    position: rows[0]?.position ?? position,
    changed: rows.flatMap((row) => (row.id === null ? [] : [rulesOfRow(row)])),
    total: rows[0]?.total ?? 0,
  };
}

function rulesOfRow(row: RulesRow): NamespaceRules {
  return {
    id: row.id,
    weight: row.weight,
    quotas: allQuotas(row.quotas),
    targetAllow: row.target_allow,
    targetDeny: row.target_deny,
    closing: row.closing,
  };
}
