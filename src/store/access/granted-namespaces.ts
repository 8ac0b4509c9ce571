/** Reads in which namespaces a caller may act. */

import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { namespaces } from './schema.ts';

/** The ids of those of `among` that exist, or of all where that is null, in their order; none that is being deleted. */
export async function listGrantedNamespaces(db: Queryable, among: readonly string[] | null): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'granted-namespaces',
    text: 'select id from namespaces where not closing and ($1::text[] is null or id = any($1)) order by id',
    values: [among],
  });
  return rows.map(({ id }) => id);
}

/** The same with the instants at which they were made, in epoch milliseconds. */
export async function listNamespacesSince(
  db: Queryable,
  among: readonly string[] | null,
): Promise<{ id: string; since: number }[]> {
  const { rows } = await db.query<Row<typeof namespaces, 'id' | 'created_at'>>({
    name: 'namespaces-since',
    text: `
      select id, created_at from namespaces
      where not closing and ($1::text[] is null or id = any($1)) order by id`,
    values: [among],
  });
  return rows.map(({ id, created_at }) => ({ id, since: created_at.getTime() }));
}
