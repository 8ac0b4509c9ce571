/** Reads and writes the bindings of people and groups. */

import type { AdminScope, Grant } from '../../domain/access/grants.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { bindings } from './schema.ts';
import { inScope, scopeValues } from './scope.ts';

/** A binding. `createdAt` is epoch milliseconds. */
export type Binding = Grant & { id: string; subject: string; createdAt: number; createdBy: string };

/** What became of a new binding: the same one may be there, or its namespace gone. */
export type BindingInsert = 'made' | 'exists' | 'no_namespace';

type BindingRow = Row<typeof bindings>;

/** The grants of some subjects, by subject. */
export async function findGrants(db: Queryable, subjects: readonly string[]): Promise<Map<string, Grant[]>> {
  const { rows } = await db.query<Pick<BindingRow, 'subject' | 'role' | 'namespace'>>({
    name: 'find-grants',
    text: 'select subject, role, namespace from bindings where subject = any($1)',
    values: [subjects],
  });
  const found = new Map<string, Grant[]>();
  for (const { subject, ...grant } of rows) found.set(subject, [...(found.get(subject) ?? []), grant]);
  return found;
}

/** Stores a binding, where its namespace is there and the subject does not have that role in it yet. */
export async function insertBinding(db: Queryable, binding: Binding): Promise<BindingInsert> {
  const { rows } = await db.query<{ has_namespace: boolean; is_made: boolean }>({
    name: 'insert-binding',
    text: `
      with place as (select from namespaces where id = $4 and not closing for key share),
      made as (
        insert into bindings (id, subject, role, namespace, created_at, created_by)
        select $1, $2, $3, $4, $5, $6 where $4 = '*' or exists (select from place)
        on conflict on constraint bindings_subject do nothing returning id
      )
      select $4 = '*' or exists (select from place) as has_namespace, exists (select from made) as is_made`,
    values: valuesOf(binding),
  });
  if (rows[0]?.has_namespace !== true) return 'no_namespace';
  return rows[0].is_made ? 'made' : 'exists';
}

/** Stores a binding that the settings name, also for a namespace that is made later. Tells whether it is a new one. */
export async function seedBinding(db: Queryable, binding: Binding): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'seed-binding',
    text: `
      insert into bindings (id, subject, role, namespace, created_at, created_by) values ($1, $2, $3, $4, $5, $6)
      on conflict on constraint bindings_subject do nothing`,
    values: valuesOf(binding),
  });
  return rowCount === 1;
}

/** Bindings in the order in which they were made, those after `after`, at most `limit`, and whether more follow. */
export async function listBindings(
  db: Queryable,
  { scope, after, limit }: { scope: AdminScope; after: string | null; limit: number },
): Promise<{ items: Binding[]; more: boolean }> {
  const { rows } = await db.query<BindingRow>({
    name: 'list-bindings',
    text: `
      select id, subject, role, namespace, created_at, created_by from bindings
      where ${inScope('$1', '$2')} and ($3::uuid is null or id > $3) order by id limit $4`,
    values: [...scopeValues(scope), after, limit + 1],
  });
  return { items: rows.slice(0, limit).map(bindingOf), more: rows.length > limit };
}

/** Deletes a binding, if it is one of `scope`. Gives back what it was; null where there is none. */
export async function deleteBinding(db: Queryable, id: string, scope: AdminScope): Promise<Binding | null> {
  const { rows } = await db.query<BindingRow>({
    name: 'delete-binding',
    text: `
      delete from bindings where id = $3 and ${inScope('$1', '$2')}
      returning id, subject, role, namespace, created_at, created_by`,
    values: [...scopeValues(scope), id],
  });
  return rows[0] === undefined ? null : bindingOf(rows[0]);
}

function valuesOf({ id, subject, role, namespace, createdAt, createdBy }: Binding): string[] {
  return [id, subject, role, namespace, new Date(createdAt).toISOString(), createdBy];
}

function bindingOf({ created_at, created_by, ...binding }: BindingRow): Binding {
  return { ...binding, createdAt: created_at.getTime(), createdBy: created_by };
}
