/** Namespaces in Postgres: reads them with what they use, makes and changes them. */

import type { NamespaceDefinition } from '../../domain/access/namespace-input.ts';
import type { Queryable } from '../postgres/database.ts';
import { type ColumnName, columnsOf, type Row } from '../rows.ts';
import type { namespaces } from './schema.ts';

/** A namespace as it is stored. `closing`: it is being deleted. */
export type Namespace = NamespaceDefinition & { id: string; closing: boolean; createdAt: Date; updatedAt: Date };

/** How much of its quotas a namespace uses now. `createsPerMinute` is how many tasks were created in the last minute. */
export type NamespaceUsage = { tasks: number; concurrentRuns: number; createsPerMinute: number; secrets: number };

const names = [
  'id',
  'description',
  'labels',
  'quotas',
  'weight',
  'target_allow',
  'target_deny',
  'closing',
  'created_at',
  'updated_at',
] as const satisfies ColumnName<typeof namespaces>[];

type NamespaceRow = Row<typeof namespaces, (typeof names)[number]>;

const columns = columnsOf<typeof namespaces>('n', ...names);

function namespaceOf(row: NamespaceRow): Namespace {
  return {
    id: row.id,
    description: row.description,
    labels: row.labels,
    quotas: row.quotas,
    weight: row.weight,
    targetAllow: row.target_allow,
    targetDeny: row.target_deny,
    closing: row.closing,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/**
 * The namespace of this id, locked until the end of the transaction; null where there is none. `update` is for one that
 * is to be closed: it is locked for those who give a role in it, too.
 */
export async function holdNamespace(
  db: Queryable,
  id: string,
  lock: 'no key update' | 'update' = 'no key update',
): Promise<Namespace | null> {
  const { rows } = await db.query<NamespaceRow>({
    name: `hold-namespace-for-${lock}`,
    text: `select ${columns} from namespaces n where id = $1 for ${lock}`,
    values: [id],
  });
  return rows[0] ? namespaceOf(rows[0]) : null;
}

/** Makes a namespace; null where there is one of this id. `now` is in epoch milliseconds. */
export async function insertNamespace(
  db: Queryable,
  id: string,
  definition: NamespaceDefinition,
  now: number,
): Promise<Namespace | null> {
  const { rows } = await db.query<NamespaceRow>({
    name: 'insert-namespace',
    text: `
      insert into namespaces as n (id, description, labels, quotas, weight, target_allow, target_deny, created_at, updated_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
      on conflict (id) do nothing returning ${columns}`,
    values: [id, ...valuesOf(definition), new Date(now).toISOString()],
  });
  return rows[0] ? namespaceOf(rows[0]) : null;
}

/** Changes a namespace that is there. */
export async function updateNamespace(
  db: Queryable,
  id: string,
  definition: NamespaceDefinition,
  now: number,
): Promise<Namespace | null> {
  const { rows } = await db.query<NamespaceRow>({
    name: 'update-namespace',
    text: `
      update namespaces n set description = $2, labels = $3, quotas = $4, weight = $5, target_allow = $6, target_deny = $7,
        updated_at = $8, changed_in = pg_current_xact_id()
      where id = $1 returning ${columns}`,
    values: [id, ...valuesOf(definition), new Date(now).toISOString()],
  });
  return rows[0] ? namespaceOf(rows[0]) : null;
}

function valuesOf(definition: NamespaceDefinition): unknown[] {
  const { description, labels, quotas, weight, targetAllow, targetDeny } = definition;
  return [
    ...[description, JSON.stringify(labels), JSON.stringify(quotas), weight],
    ...[targetAllow && JSON.stringify(targetAllow), targetDeny && JSON.stringify(targetDeny)],
  ];
}

/** Which namespaces a list shows. */
export type NamespaceFilter = {
  /** Null for all. */
  ids: readonly string[] | null;
  /** Only ids after this one. */
  after: string | null;
  limit: number;
};

/** In the order of their ids, at most `limit`, each with what it uses; and whether more follow. */
export async function listNamespaces(
  db: Queryable,
  { ids, after, limit }: NamespaceFilter,
): Promise<{ items: (Namespace & { usage: NamespaceUsage })[]; more: boolean }> {
  const { rows } = await db.query<NamespaceRow & { tasks: number; running: number; created: number; secrets: number }>({
    name: 'list-namespaces',
    text: `
      with page as (
        select ${columns} from namespaces n
        where ($1::text[] is null or id = any($1)) and ($2::text is null or id > $2) order by id limit $3
      ), running as (
        select namespace, count(*) as runs from runs where status = 'running' group by namespace
      )
      select ${columns}, coalesce((select runs from running where namespace = n.id), 0)::integer as running,
        (select count(*) from tasks where namespace = n.id and deleted_at is null)::integer as tasks,
        -- Only under the quota are creations counted. Without it, those are found that have not been deleted since.
        case when n.quotas ? 'createsPerMinute' then (
          select coalesce(sum(tasks), 0) from creations where namespace = n.id and at > clock_timestamp() - interval '1 minute'
        ) else (
          select count(*) from tasks
          where namespace = n.id and deleted_at is null and created_at > clock_timestamp() - interval '1 minute'
        ) end::integer as created,
        (select count(*) from secrets where namespace = n.id)::integer as secrets
      from page n order by id`,
    values: [ids, after, limit + 1],
  });
  return {
    items: rows.slice(0, limit).map((row) => ({
      ...namespaceOf(row),
      usage: {
        tasks: row.tasks,
        concurrentRuns: row.running,
        createsPerMinute: row.created,
        secrets: row.secrets,
      },
    })),
    more: rows.length > limit,
  };
}
