/** The encrypted values of secrets: read for calls, and wrapped anew by another key. */

import type { SealedValue, SecretPlace } from '../../domain/secrets/sealing.ts';
import type { Queryable } from '../postgres/database.ts';
import { type ColumnName, columnsOf, type Row } from '../rows.ts';
import type { secrets } from './schema.ts';

/** A secret by its namespace and name. */
export type SecretName = { namespace: string; name: string };

/** `lastUsedAt` in epoch milliseconds; null where it was never used. */
export type StoredValue = { place: SecretPlace; sealed: SealedValue; lastUsedAt: number | null };

const names = [
  'namespace',
  'name',
  'version',
  'value',
  'data_key',
  'wrapped_by',
  'last_used_at',
] as const satisfies ColumnName<typeof secrets>[];
const columns = columnsOf<typeof secrets>('s', ...names);

type ValueRow = Row<typeof secrets, (typeof names)[number]>;

/** Those of these secrets that are there, in no order. */
export async function readValues(db: Queryable, wanted: readonly SecretName[]): Promise<StoredValue[]> {
  const { rows } = await db.query<ValueRow>({
    name: 'read-secrets',
    text: `
      select ${columns} from unnest($1::text[], $2::text[]) as g(namespace, name)
      join secrets s on s.namespace = g.namespace and s.name = g.name`,
    values: [wanted.map(({ namespace }) => namespace), wanted.map(({ name }) => name)],
  });
  return rows.map(storedValueOf);
}

/** Notes that these secrets were used. Those that somebody changes right now are left out. */
export async function noteUse(db: Queryable, used: readonly SecretName[], now: number): Promise<void> {
  await db.query({
    name: 'note-use-of-secrets',
    text: `
      with used as (
        select s.namespace, s.name from unnest($1::text[], $2::text[]) as g(namespace, name)
        join secrets s on s.namespace = g.namespace and s.name = g.name
        for no key update of s skip locked
      )
      update secrets s set last_used_at = greatest(s.last_used_at, $3::timestamptz)
      from used where s.namespace = used.namespace and s.name = used.name`,
    values: [used.map(({ namespace }) => namespace), used.map(({ name }) => name), new Date(now).toISOString()],
  });
}

export type Rewrapped = {
  /** How many were written. */
  count: number;
  /** The last secret that was looked at; null where there was none. */
  last: SecretName | null;
};

/**
 * Wraps the data keys of one page of secrets anew, in a transaction of the caller: those after `after` that another key
 * than `newest` wraps. `rewrap` gives null for one that it cannot open, which stays. Those that somebody else changes
 * right now are passed over.
 */
export async function rewrapPage(
  db: Queryable,
  newest: string,
  after: SecretName | null,
  limit: number,
  rewrap: (stored: StoredValue) => SealedValue | null,
): Promise<Rewrapped> {
  const { rows } = await db.query<ValueRow>({
    name: 'secrets-to-rewrap',
    text: `
      select ${columns} from secrets s
      where s.wrapped_by <> $1 and ($2::text is null or (s.namespace, s.name) > ($2, $3::text))
      order by s.namespace, s.name limit $4 for no key update skip locked`,
    values: [newest, after?.namespace ?? null, after?.name ?? null, limit],
  });
  const done = rows.map(storedValueOf).flatMap((stored) => {
    const sealed = rewrap(stored);
    return sealed === null ? [] : [{ ...stored.place, dataKey: sealed.dataKey }];
  });
  if (done.length > 0)
    await db.query({
      name: 'rewrap-secrets',
      text: `
        update secrets s set data_key = g.data_key, wrapped_by = $4
        from unnest($1::text[], $2::text[], $3::bytea[]) as g(namespace, name, data_key)
        where s.namespace = g.namespace and s.name = g.name`,
      values: [
        done.map(({ namespace }) => namespace),
        done.map(({ name }) => name),
        done.map(({ dataKey }) => dataKey),
        newest,
      ],
    });
  return { count: done.length, last: rows.at(-1) ?? null };
}

/** How many secrets are wrapped by another key than `newest`. */
export async function countToRewrap(db: Queryable, newest: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>({
    name: 'count-secrets-to-rewrap',
    text: 'select count(*)::integer as count from secrets where wrapped_by <> $1',
    values: [newest],
  });
  return rows[0]?.count ?? 0;
}

function storedValueOf(row: ValueRow): StoredValue {
  const { namespace, name, version } = row;
  return {
    place: { namespace, name, version },
    sealed: { value: row.value, dataKey: row.data_key, wrappedBy: row.wrapped_by },
    lastUsedAt: row.last_used_at?.getTime() ?? null,
  };
}
