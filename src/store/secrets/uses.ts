/** Which tasks use which secrets. Tasks that use none have no part in it. */

import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { tasks } from '../schema.ts';
import { isNotDeleted } from '../tasks/row.ts';
import type { secrets } from './schema.ts';

/**
 * Keeps these secrets from being deleted until the transaction ends. Gives back the names of those that are not there.
 */
export async function holdSecrets(db: Queryable, namespace: string, names: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<Row<typeof secrets, 'name'>>({
    name: 'hold-secrets',
    text: 'select name from secrets where namespace = $1 and name = any($2::text[]) order by name for key share',
    values: [namespace, names],
  });
  const found = new Set(rows.map(({ name }) => name));
  return names.filter((name) => !found.has(name));
}

/** The secrets that a task uses from now on; none where it no longer uses any. */
export type Uses = { uid: number; namespace: string; names: readonly string[] };

/** Writes down what these tasks use, in the transaction that writes the tasks. */
export async function writeUses(db: Queryable, uses: readonly Uses[]): Promise<void> {
  const rows = uses.flatMap(({ uid, namespace, names }) => names.map((name) => ({ uid, namespace, name })));
  const given = [rows.map(({ uid }) => uid), rows.map(({ namespace }) => namespace), rows.map(({ name }) => name)];
  await db.query({
    name: 'write-uses-of-secrets',
    text: `
      with given as (
        select * from unnest($1::bigint[], $2::text[], $3::text[]) as g(task_uid, namespace, name)
      ), gone as (
        delete from secret_uses u
        where u.task_uid = any($4::bigint[])
          and not exists (select from given g where g.task_uid = u.task_uid and g.name = u.name)
      )
      insert into secret_uses (namespace, name, task_uid) select namespace, name, task_uid from given
      on conflict do nothing`,
    values: [...given, uses.map(({ uid }) => uid)],
  });
}

/** The ids of at most `limit` tasks that use each of these secrets, the oldest first. */
export async function usersOf(
  db: Queryable,
  namespace: string,
  names: readonly string[],
  limit: number,
): Promise<Map<string, string[]>> {
  const { rows } = await db.query<{ name: string; id: Row<typeof tasks, 'id'>['id'] }>({
    name: 'users-of-secrets',
    text: `
      select given.name, used.id
      from unnest($2::text[]) as given(name) cross join lateral (
        select t.id from (
          select task_uid from secret_uses where namespace = $1 and name = given.name order by task_uid
        ) u cross join lateral (
          -- Kept apart, so that no plan joins all tasks before it takes the first of them.
          select t.id from tasks t where t.uid = u.task_uid and ${isNotDeleted} offset 0
        ) t limit $3
      ) as used`,
    values: [namespace, names, limit],
  });
  const users = new Map(names.map((name) => [name, [] as string[]]));
  for (const { name, id } of rows) users.get(name)?.push(id);
  return users;
}
