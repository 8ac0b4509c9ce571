/** Secrets in Postgres as administrators see them: writes, lists and deletes them. Values come and go encrypted. */

import type { SealedValue, SecretPlace } from '../../domain/secrets/sealing.ts';
import type { Queryable } from '../postgres/database.ts';
import { type ColumnName, columnsOf, type Row } from '../rows.ts';
import type { secrets } from './schema.ts';

/** A secret without its value. Instants are epoch milliseconds. */
export type Secret = {
  name: string;
  version: number;
  description: string | null;
  createdAt: number;
  updatedAt: number;
  /** Null where it was never used; else some minutes old at most. */
  lastUsedAt: number | null;
};

const shownNames = [
  'name',
  'version',
  'description',
  'created_at',
  'updated_at',
  'last_used_at',
] as const satisfies ColumnName<typeof secrets>[];
const shownColumns = columnsOf<typeof secrets>('secrets', ...shownNames);

type ShownRow = Row<typeof secrets, (typeof shownNames)[number]>;

/** The secret of this name; null where there is none. `forUpdate` keeps others from using or changing it meanwhile. */
export async function findSecret(
  db: Queryable,
  namespace: string,
  name: string,
  forUpdate = false,
): Promise<Secret | null> {
  const { rows } = await db.query<ShownRow>({
    name: forUpdate ? 'hold-secret' : 'find-secret',
    text: `select ${shownColumns} from secrets where namespace = $1 and name = $2 ${forUpdate ? 'for update' : ''}`,
    values: [namespace, name],
  });
  return rows[0] ? secretOf(rows[0]) : null;
}

/** At most `limit` secrets of a namespace by name, those after the name `after`. */
export async function listSecrets(
  db: Queryable,
  namespace: string,
  after: string | null,
  limit: number,
): Promise<Secret[]> {
  const { rows } = await db.query<ShownRow>({
    name: 'list-secrets',
    text: `
      select ${shownColumns} from secrets
      where namespace = $1 and ($2::text is null or name > $2) order by name limit $3`,
    values: [namespace, after, limit],
  });
  return rows.map(secretOf);
}

/** A value to be written: `place` holds the version that it gets. Without a description the stored one stays. */
export type SecretWrite = { place: SecretPlace; sealed: SealedValue; description: string | null | undefined };

/**
 * Writes a value: a new secret where the version is 1, else the version after the stored one. Null where the stored
 * version is another one, or the namespace is being deleted. `now` is in epoch milliseconds.
 */
export async function writeSecret(
  db: Queryable,
  { place, sealed, description }: SecretWrite,
  now: number,
): Promise<Secret | null> {
  const { namespace, name, version } = place;
  const written = [
    namespace,
    name,
    version,
    sealed.value,
    sealed.dataKey,
    sealed.wrappedBy,
    new Date(now).toISOString(),
  ];
  const { rows } = await db.query<ShownRow>(
    version === 1
      ? {
          name: 'insert-secret',
          text: `
            with place as (select from namespaces where id = $1 and not closing for key share)
            insert into secrets (namespace, name, version, value, data_key, wrapped_by, created_at, updated_at, description)
            select $1, $2, $3::integer, $4::bytea, $5::bytea, $6, $7::timestamptz, $7::timestamptz, $8 from place
            on conflict (namespace, name) do nothing
            returning ${shownColumns}`,
          values: [...written, description ?? null],
        }
      : {
          name: 'update-secret',
          text: `
            update secrets set version = $3, value = $4, data_key = $5, wrapped_by = $6, updated_at = $7,
              description = case when $9 then $8 else description end
            where namespace = $1 and name = $2 and version = $3 - 1
            returning ${shownColumns}`,
          values: [...written, description ?? null, description !== undefined],
        },
  );
  return rows[0] ? secretOf(rows[0]) : null;
}

export async function deleteSecret(db: Queryable, namespace: string, name: string): Promise<void> {
  await db.query({
    name: 'delete-secret',
    text: 'delete from secrets where namespace = $1 and name = $2',
    values: [namespace, name],
  });
}

function secretOf(row: ShownRow): Secret {
  return {
    name: row.name,
    version: row.version,
    description: row.description,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    lastUsedAt: row.last_used_at?.getTime() ?? null,
  };
}
