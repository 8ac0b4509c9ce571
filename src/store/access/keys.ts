/** Reads and writes the API keys of the database. */

import type { AdminScope, Grant } from '../../domain/access/grants.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { keys } from './schema.ts';
import { inScope, scopeValues } from './scope.ts';

/** A key as a request is checked with it. `expiresAt` is epoch milliseconds; null for a key that does not expire. */
export type FoundKey = Grant & { id: string; name: string; expiresAt: number | null };

/** A key as lists show it. Instants are epoch milliseconds; `lastUsedAt` is null for one that was never used. */
export type KeyRecord = FoundKey & { createdAt: number; createdBy: string; lastUsedAt: number | null };

/** What became of a new key: the name may be taken in its namespace, or the namespace gone. */
export type KeyInsert = 'made' | 'name_taken' | 'no_namespace';

type KeyRow = Row<typeof keys>;

/** The keys of some hashes (lower-case hex), by hash, those that have expired too. */
export async function findKeys(db: Queryable, hashes: readonly string[]): Promise<Map<string, FoundKey>> {
  const { rows } = await db.query<Pick<KeyRow, 'id' | 'name' | 'role' | 'namespace' | 'hash' | 'expires_at'>>({
    name: 'find-keys',
    text: 'select id, name, role, namespace, hash, expires_at from keys where hash = any($1)',
    values: [hashes],
  });
  return new Map(
    rows.map(({ hash, expires_at, ...key }) => [hash, { ...key, expiresAt: expires_at?.getTime() ?? null }]),
  );
}

/** Stores a key, known by its hash, where its namespace is there and has no other of its name. */
export async function insertKey(db: Queryable, key: Omit<KeyRecord, 'lastUsedAt'>, hash: string): Promise<KeyInsert> {
  const { rows } = await db.query<{ has_namespace: boolean; is_made: boolean }>({
    name: 'insert-key',
    text: `
      with place as (select from namespaces where id = $4 and not closing for key share),
      made as (
        insert into keys (id, name, role, namespace, hash, created_at, created_by, expires_at)
        select $1, $2, $3, $4, $5, $6, $7, $8 where $4 = '*' or exists (select from place)
        on conflict on constraint keys_name do nothing returning id
      )
      select $4 = '*' or exists (select from place) as has_namespace, exists (select from made) as is_made`,
    values: [
      ...[key.id, key.name, key.role, key.namespace, hash, new Date(key.createdAt).toISOString(), key.createdBy],
      key.expiresAt === null ? null : new Date(key.expiresAt).toISOString(),
    ],
  });
  if (rows[0]?.has_namespace !== true) return 'no_namespace';
  return rows[0].is_made ? 'made' : 'name_taken';
}

/** Keys in the order in which they were made, those after `after`, at most `limit`, and whether more follow. */
export async function listKeys(
  db: Queryable,
  { scope, after, limit }: { scope: AdminScope; after: string | null; limit: number },
): Promise<{ items: KeyRecord[]; more: boolean }> {
  const { rows } = await db.query<KeyRow>({
    name: 'list-keys',
    text: `
      select id, name, role, namespace, hash, created_at, created_by, expires_at, last_used_at from keys
      where ${inScope('$1', '$2')} and ($3::uuid is null or id > $3) order by id limit $4`,
    values: [...scopeValues(scope), after, limit + 1],
  });
  return { items: rows.slice(0, limit).map(recordOf), more: rows.length > limit };
}

/** Deletes a key, if it is one of `scope`. Gives back what it was; null where there is none. */
export async function deleteKey(db: Queryable, id: string, scope: AdminScope): Promise<KeyRecord | null> {
  const { rows } = await db.query<KeyRow>({
    name: 'delete-key',
    text: `
      delete from keys where id = $3 and ${inScope('$1', '$2')}
      returning id, name, role, namespace, hash, created_at, created_by, expires_at, last_used_at`,
    values: [...scopeValues(scope), id],
  });
  return rows[0] === undefined ? null : recordOf(rows[0]);
}

/** Notes when keys were used last, in epoch milliseconds. An instant before the one that is noted changes nothing. */
export async function noteKeyUses(db: Queryable, uses: ReadonlyMap<string, number>): Promise<void> {
  await db.query({
    name: 'note-key-uses',
    text: `
      update keys k set last_used_at = u.at
      from unnest($1::uuid[], $2::timestamptz[]) as u(id, at)
      where k.id = u.id and (k.last_used_at is null or k.last_used_at < u.at)`,
    values: [[...uses.keys()], [...uses.values()].map((at) => new Date(at).toISOString())],
  });
}

function recordOf({ hash: _, created_at, created_by, expires_at, last_used_at, ...key }: KeyRow): KeyRecord {
  return {
    ...key,
    createdAt: created_at.getTime(),
    createdBy: created_by,
    expiresAt: expires_at?.getTime() ?? null,
    lastUsedAt: last_used_at?.getTime() ?? null,
  };
}
