/** Reads in which namespaces a caller may act. */

import type { Queryable } from '../postgres/database.ts';

/** The ids of those of `among` that exist, or of all where that is null, in their order; none that is being deleted. */
export async function listGrantedNamespaces(db: Queryable, among: readonly string[] | null): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'granted-namespaces',
    text: 'select id from namespaces where not closing and ($1::text[] is null or id = any($1)) order by id',
    values: [among],
  });
  return rows.map(({ id }) => id);
}
