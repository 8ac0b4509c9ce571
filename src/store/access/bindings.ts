/** Reads and writes the bindings of people and groups. */

import type { Grant } from '../../domain/access/grants.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { bindings } from './schema.ts';

/** The grants of some subjects, by subject. */
export async function findGrants(db: Queryable, subjects: readonly string[]): Promise<Map<string, Grant[]>> {
  const { rows } = await db.query<Row<typeof bindings, 'subject' | 'role' | 'namespace'>>({
    name: 'find-grants',
    text: 'select subject, role, namespace from bindings where subject = any($1)',
    values: [subjects],
  });
  const found = new Map<string, Grant[]>();
  for (const { subject, ...grant } of rows) found.set(subject, [...(found.get(subject) ?? []), grant]);
  return found;
}
