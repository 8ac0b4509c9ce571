/** Reads and writes the API keys of the database. */

import type { Grant } from '../../domain/access/grants.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { keys } from './schema.ts';

/** A key as a request is checked with it. `expiresAt` is epoch milliseconds; null for a key that does not expire. */
export type FoundKey = Grant & { id: string; name: string; expiresAt: number | null };

/** The keys of some hashes (lower-case hex), by hash, those that have expired too. */
export async function findKeys(db: Queryable, hashes: readonly string[]): Promise<Map<string, FoundKey>> {
  const { rows } = await db.query<Row<typeof keys, 'id' | 'name' | 'role' | 'namespace' | 'hash' | 'expires_at'>>({
    name: 'find-keys',
    text: 'select id, name, role, namespace, hash, expires_at from keys where hash = any($1)',
    values: [hashes],
  });
  return new Map(
    rows.map(({ hash, expires_at, ...key }) => [hash, { ...key, expiresAt: expires_at?.getTime() ?? null }]),
  );
}
