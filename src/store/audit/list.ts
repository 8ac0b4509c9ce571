/**
 * Reads pages of the audit.
 *
 * Where many entries pass the filter, the newest entries fill a page. Where few do, they are found by an index. Each
 * index begins with the columns of a filter, then has `at` and `id`. A namespace that is not given is replaced by all
 * that the index has, each found by one step in it, and a type by all types; the newest entries of each pair are read.
 */

import { type AuditType, typesOf } from '../../domain/audit/types.ts';
import { formatInstant } from '../../domain/input/instant.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { audit } from './schema.ts';

/** Which entries; null where a member does not matter. */
export type AuditFilter = {
  /** In one of these, each from an instant on, in epoch milliseconds: an earlier one of the same id is another. */
  namespaces: readonly { id: string; since: number }[] | null;
  actor: string | null;
  type: AuditType | null;
  subject: string | null;
  /** Epoch milliseconds: not before `from`, and before `to`. */
  from: number | null;
  to: number | null;
};

/** The place of an entry in the list: epoch milliseconds, and its id. */
export type AuditPlace = { at: number; id: number };

/** An entry as it is shown; `at` is an RFC 3339 instant. */
export type AuditItem = {
  id: number;
  at: string;
  type: string;
  actor: string;
  via: string;
  requestId: string | null;
  address: string | null;
  namespace: string;
  subject: string | null;
  changes: Record<string, unknown> | null;
};

type Wanted = Omit<AuditFilter, 'type'> & { types: readonly AuditType[] | null };
type Page = { after: AuditPlace | null; limit: number; largest: number };

/**
 * Newest first, those after `after`; at most `limit`, and no more than `largest` bytes of changes, if it is more than
 * one. Also whether more follow.
 */
export async function listAudit(
  db: Queryable,
  filter: AuditFilter,
  page: Page,
): Promise<{ items: AuditItem[]; more: boolean }> {
  const { namespaces, actor, type, subject } = filter;
  const given = { ...filter, types: type === null ? null : [type] };
  const first =
    namespaces === null
      ? await read(db, 'newest-anywhere', newest('$6::text[] is null and $10::timestamptz[] is null'), given, page)
      : await read(db, 'newest', newest(inNamespaces), given, page);
  if (first.more || [namespaces, actor, type, subject].every((value) => value === null)) return first;
  const byActor = actor !== null && (subject === null || (await isRare(db, actor)));
  const index = byActor ? 'actor' : subject !== null ? 'subject' : 'namespace';
  const wanted = { ...given, types: given.types ?? typesOf(subject) };
  if (namespaces === null) return read(db, `${index}-anywhere`, byIndex(index, everyNamespaceOf(index)), wanted, page);
  return namespaces.length > fewNamespaces && index !== 'namespace'
    ? read(db, `${index}-among`, byIndex(index, wantedNamespacesOf(index)), wanted, page)
    : read(db, index, byIndex(index, `(${givenNamespaces})`), wanted, page);
}

/** Whether so few entries are of an actor that all of them can be looked at for a page. */
async function isRare(db: Queryable, actor: string): Promise<boolean> {
  const { rows } = await db.query<{ entries: number }>({
    name: 'count-audit-of-actor',
    text: `
      select count(*)::integer as entries from (select from audit where actor = $1 limit ${lookedAt}) as found`,
    values: [actor],
  });
  return (rows[0]?.entries ?? 0) < lookedAt;
}

/** One page by a statement that finds the places of its entries. */
async function read(
  db: Queryable,
  name: string,
  places: string,
  { namespaces, actor, types, subject, from, to }: Wanted,
  { after, limit, largest }: Page,
): Promise<{ items: AuditItem[]; more: boolean }> {
  // One bound, because Postgres would begin to read at the greater of two. No id is 0.
  const end = after !== null && (to === null || after.at < to) ? after : { at: to, id: 0 };
  const { rows } = await db.query<Row<typeof audit> & { found: number }>({
    name: `list-audit-${name}`,
    text: pageOf(places),
    values: [
      ...[limit + 1, largest, instantOf(from) ?? '-infinity', instantOf(end.at) ?? 'infinity', end.id],
      namespaces?.map(({ id }) => id) ?? null,
      ...[actor, types, subject, namespaces?.map(({ since }) => instantOf(since)) ?? null],
    ],
  });
  const items = rows.map((row) => ({
    ...{ id: Number(row.id), at: formatInstant(row.at.getTime()), type: row.type, actor: row.actor, via: row.via },
    ...{ requestId: row.request_id, address: row.address, namespace: row.namespace, subject: row.subject },
    changes: row.data,
  }));
  return { items, more: (rows[0]?.found ?? 0) > items.length };
}

const instantOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

/** The entries that the page can begin with. */
const inRange = 'at >= $3 and (at, id) < ($4, $5)';
const newestFirst = 'order by at desc, id desc';

/** How many of the newest entries are looked at before the indexes of the filters. */
const lookedAt = 2_000;

/** The newest entries among those that are looked at. */
const newest = (inWanted: string) => `
  select at, id from (select * from audit where ${inRange} ${newestFirst} limit ${lookedAt}) e
  where ${inWanted} and ($7::text is null or actor = $7)
    and ($8::text[] is null or type = any($8)) and ($9::text is null or subject = $9)`;
const inNamespaces = `exists (
  select from unnest($6::text[], $10::timestamptz[]) n(namespace, since)
  where n.namespace = e.namespace and e.at >= n.since)`;

/**
 * The columns before `namespace` in each index, as a condition, and a condition on those behind. The latter names every
 * other parameter, because Postgres has to know the type of each.
 */
const indexes = {
  subject: { first: 'subject = $9 and', others: '($7::text is null or actor = $7)' },
  actor: { first: 'actor = $7 and', others: '($9::text is null or subject = $9)' },
  namespace: { first: '', others: '$7::text is null and $9::text is null' },
} as const;
type Index = keyof typeof indexes;

/** All namespaces of an index under its first columns. */
const namespacesIn = (index: Index) => `
  with recursive each as (
    (select namespace from audit where ${indexes[index].first} true order by namespace limit 1)
    union all
    select (select namespace from audit where ${indexes[index].first} namespace > each.namespace order by namespace limit 1)
    from each where namespace is not null
  )
  select namespace from each where namespace is not null`;

const everyNamespaceOf = (index: Index) => `(
  select namespace, '-infinity'::timestamptz as since from (${namespacesIn(index)}) every
  where $6::text[] is null and $10::timestamptz[] is null
)`;

const givenNamespaces = 'select * from unnest($6::text[], $10::timestamptz[]) given(namespace, since)';
/** Of more namespaces than these, those are found first that have entries of an actor or a subject. */
const fewNamespaces = 50;
const wantedNamespacesOf = (index: Index) =>
  `(select namespace, since from (${namespacesIn(index)}) every join (${givenNamespaces}) given using (namespace))`;

/** The newest entries of each pair of a namespace and a type. `offset 0` makes Postgres read them by this index. */
const byIndex = (index: Index, namespaces: string) => `
  select e.at, e.id
  from ${namespaces} n(namespace, since) cross join unnest($8::text[]) t(type) cross join lateral (
    select at, id from (
      select at, id, actor, subject from audit
      where ${indexes[index].first} namespace = n.namespace and at >= n.since and type = t.type and ${inRange}
      ${newestFirst} offset 0
    ) e where ${indexes[index].others} ${newestFirst} limit $1
  ) e`;

/** The statement of a page, by the statement that finds the places of its entries. */
const pageOf = (found: string) => `
  with page as (
    select audit.* from audit join (${found} ${newestFirst} limit $1) found using (at, id)
  ), measured as (
    select at, id, count(*) over () as found, row_number() over page as place,
      sum(coalesce(octet_length(data::text), 0)) over page as bytes
    from page window page as (${newestFirst})
  )
  select page.*, found::integer from page join measured using (at, id)
  where place < $1 and (place = 1 or bytes <= $2) ${newestFirst}`;
