/** Bulk changes in Postgres: their start, their pieces, their progress. */

import type { BulkAction, BulkError, BulkSelect, LabelChange } from '../../domain/bulk/bulk.ts';
import { errorsKept } from '../../domain/bulk/bulk.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import { conditionValues, type TaskConditions, taskCondition } from '../tasks/filter.ts';
import type { bulks } from './schema.ts';

/** A bulk change that is to begin, with its author. */
export type NewBulk = {
  id: string;
  action: BulkAction;
  select: BulkSelect;
  labels: LabelChange | null;
  actor: string;
  via: string;
  address: string | null;
  requestId: string | null;
};

/** A bulk change as it is shown. `done` and `failed` are `total` at its end; `unchanged` is part of `done`. */
export type Bulk = Row<typeof bulks> & { left: number };

/**
 * Notes the bulk change and its tasks where `expect` of them are selected, else nothing. Gives back how many tasks are
 * selected.
 */
export async function insertBulk(
  db: Queryable,
  bulk: NewBulk,
  conditions: TaskConditions,
  expect: number,
): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `with selected as materialized (
       select uid from tasks where ${taskCondition}
     ), counted as (
       select count(*)::integer as count from selected
     ), made as (
       insert into bulks (id, namespace, action, selection, labels, actor, via, address, request_id, total)
       select $7::uuid, $1, $8, $9::jsonb, $10::jsonb, $11, $12, $13, $14, count from counted where count = $6::integer
       returning id
     ), frozen as (
       insert into bulk_tasks (bulk, task_uid) select made.id, uid from made, selected
     )
     select count from counted`,
    [
      ...conditionValues(conditions),
      ...[expect, bulk.id, bulk.action, JSON.stringify(bulk.select), bulk.labels && JSON.stringify(bulk.labels)],
      ...[bulk.actor, bulk.via, bulk.address, bulk.requestId],
    ],
  );
  return rows[0]?.count ?? 0;
}

/** Null where the namespace has none with this id. */
export async function findBulk(db: Queryable, namespace: string, id: string): Promise<Bulk | null> {
  const { rows } = await db.query<Bulk>({
    name: 'find-bulk',
    text: `
      select b.*, (select count(*)::integer from bulk_tasks t where t.bulk = b.id) as left
      from bulks b where b.id = $2 and b.namespace = $1`,
    values: [namespace, id],
  });
  return rows[0] ?? null;
}

/** A task of a piece; its id is null where it was deleted since. */
export type BulkTask = { uid: number; id: string | null };

/** Part of a bulk change. Without tasks nothing of it is left. */
export type Piece = { bulk: Row<typeof bulks>; tasks: BulkTask[] };

/**
 * Takes the bulk change that has waited longest, for ten seconds, and at most `limit` of its tasks. Another replica
 * takes it after that, also where this one has died. Null where there is nothing to do.
 */
export async function takePiece(db: Queryable, limit: number): Promise<Piece | null> {
  const { rows } = await db.query<Row<typeof bulks>>({
    name: 'take-bulk',
    text: `
      update bulks set claimed_until = now() + interval '10 seconds'
      where id = (
        select id from bulks where finished_at is null and claimed_until <= now()
        order by claimed_until limit 1 for update skip locked)
      returning *`,
  });
  const [bulk] = rows;
  if (bulk === undefined) return null;
  const { rows: tasks } = await db.query<BulkTask>({
    name: 'take-bulk-tasks',
    text: `
      select b.task_uid::float8 as uid, t.id
      from (select task_uid from bulk_tasks where bulk = $1 order by task_uid limit $2) b
      left join tasks t on t.uid = b.task_uid and t.deleted_at is null
      order by b.task_uid`,
    values: [bulk.id, limit],
  });
  return { bulk, tasks };
}

/** Notes that this task is done. False where it was before. To be called in the transaction of what is done once. */
export async function markDone(db: Queryable, bulk: string, uid: number): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'mark-bulk-task',
    text: 'delete from bulk_tasks where bulk = $1 and task_uid = $2',
    values: [bulk, uid],
  });
  return rowCount === 1;
}

/** How it went with one task. */
export type BulkResult = { uid: number; unchanged: boolean; error: BulkError | null };

/** Notes the results of a piece, and gives the bulk change back. A task whose result is known counts once. */
export async function notePiece(db: Queryable, bulk: string, results: readonly BulkResult[]): Promise<void> {
  await db.query({
    name: 'note-bulk-piece',
    text: `
      with result as (
        select * from jsonb_to_recordset($2::jsonb) as r(uid bigint, unchanged boolean, error jsonb)
      ), gone as (
        delete from bulk_tasks b using result r where b.bulk = $1 and b.task_uid = r.uid returning r.*
      ), counted as (
        select count(*) filter (where unchanged)::integer as unchanged,
          count(*) filter (where error <> 'null')::integer as failed,
          coalesce(jsonb_agg(error order by uid) filter (where error <> 'null'), '[]') as errors
        from gone
      )
      update bulks b set unchanged = b.unchanged + c.unchanged, failed = b.failed + c.failed,
        errors = jsonb_path_query_array(b.errors || c.errors, '$[0 to ${errorsKept - 1}]'), claimed_until = now()
      from counted c where b.id = $1`,
    values: [bulk, JSON.stringify(results)],
  });
}

/** Ends a bulk change of which nothing is left. */
export async function finishBulk(db: Queryable, bulk: string): Promise<void> {
  await db.query(
    `update bulks set finished_at = now()
     where id = $1 and finished_at is null and not exists (select from bulk_tasks where bulk = $1)`,
    [bulk],
  );
}

/** Deletes bulk changes that ended before `before` (epoch milliseconds). */
export async function forgetBulks(db: Queryable, before: number): Promise<void> {
  await db.query('delete from bulks where finished_at < $1', [new Date(before).toISOString()]);
}
