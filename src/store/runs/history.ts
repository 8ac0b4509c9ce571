/** The history of runs: reads it page by page, and deletes the oldest. */

import { and, desc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/pg-core';
import type { RunStatus, Trigger } from '../../domain/run/run.ts';
import { leastRunId } from '../../domain/schedule/occurrence.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import type { FilledRow, Row } from '../rows.ts';
import { runs, tasks } from '../schema.ts';

/** A stored run with the name of its task. */
export type Run = typeof runs.$inferSelect & { namespace: string; taskId: string };

/** Which runs a list shows: all conditions hold. Instants are epoch milliseconds. */
export type RunFilter = {
  /** In which `taskId` is looked for. */
  namespace: string;
  taskId: string | null;
  /** Any of these; none for all. */
  statuses: readonly RunStatus[];
  triggers: readonly Trigger[];
  /** Scheduled at or after. */
  from: number | null;
  /** Scheduled before. */
  to: number | null;
  /** Only runs older than the run with this id. */
  before: string | null;
  limit: number;
};

const selection = { run: runs, namespace: tasks.namespace, taskId: tasks.id };

/** Which of these runs are over. */
export async function runsOver(db: Queryable, ids: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<Row<typeof runs, 'id'>>(
    `select id from runs where id = any($1::uuid[]) and status not in ('pending', 'running', 'retrying')`,
    [ids],
  );
  return rows.map(({ id }) => id);
}

/** Those of these runs that do not exist. */
export async function withoutRun(db: Queryable, runIds: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<Row<typeof runs, 'id'>>({
    name: 'without-run',
    text: 'select id from unnest($1::uuid[]) as g(id) where not exists (select from runs r where r.id = g.id)',
    values: [runIds],
  });
  return rows.map(({ id }) => id);
}

export async function findRun(db: Database, id: string): Promise<Run | null> {
  const [row] = await db.orm
    .select(selection)
    .from(runs)
    .innerJoin(tasks, eq(tasks.uid, runs.taskUid))
    .where(eq(runs.id, id));
  return row ? { ...row.run, namespace: row.namespace, taskId: row.taskId } : null;
}

/** Newest first: by scheduled instant. A deleted task's runs are found by the id it had. */
export async function listRuns(db: Database, filter: RunFilter): Promise<Run[]> {
  const conditions: SQL[] = [];
  if (filter.taskId !== null) {
    const uids = await uidsOf(db, filter.namespace, filter.taskId);
    if (uids.length === 0) return [];
    conditions.push(uids.length === 1 ? eq(runs.taskUid, uids[0] as number) : inArray(runs.taskUid, uids));
  }
  if (filter.from !== null) conditions.push(gte(runs.id, leastRunId(filter.from)));
  if (filter.to !== null) conditions.push(lt(runs.id, leastRunId(filter.to)));
  if (filter.before !== null) conditions.push(lt(runs.id, filter.before));
  // One page for each kind that is asked for, then the newest of them all: a partial index serves only one status or
  // trigger, and only as a literal that the planner can read.
  const kinds = kindsOf(filter).map((kind) =>
    db.orm
      .select({ id: runs.id })
      .from(runs)
      .where(and(...conditions, ...kind))
      .orderBy(desc(runs.id))
      .limit(filter.limit),
  );
  const [first, second, ...others] = kinds as [(typeof kinds)[0], ...typeof kinds];
  const page = (
    second
      ? unionAll(first, second, ...others)
          .orderBy(desc(runs.id))
          .limit(filter.limit)
      : first
  ).as('page');
  const rows = await db.orm
    .select(selection)
    .from(page)
    .innerJoin(runs, eq(runs.id, page.id))
    .innerJoin(tasks, eq(tasks.uid, runs.taskUid))
    .orderBy(desc(runs.id));
  return rows.map((row) => ({ ...row.run, namespace: row.namespace, taskId: row.taskId }));
}

/** The conditions of each pair of a status and a trigger that the filter names. */
function kindsOf({ statuses, triggers }: RunFilter): SQL[][] {
  const literals = (column: typeof runs.status | typeof runs.trigger, values: readonly string[]) =>
    values.length === 0 ? [[]] : [...new Set(values)].map((value) => [sql`${column} = ${sql.raw(`'${value}'`)}`]);
  const byTrigger = literals(runs.trigger, triggers);
  return literals(runs.status, statuses).flatMap((status) => byTrigger.map((trigger) => [...status, ...trigger]));
}

/** The numbers of every task, live or deleted, that has or had this id in the namespace. */
export async function uidsOf(db: Database, namespace: string, taskId: string): Promise<number[]> {
  const rows = await db.orm
    .select({ uid: tasks.uid })
    .from(tasks)
    .where(and(eq(tasks.namespace, namespace), eq(tasks.id, taskId)))
    .orderBy(desc(tasks.uid));
  return rows.map((row) => row.uid);
}

/** The newest run of each task. */
export type LastRun = Pick<typeof runs.$inferSelect, 'id' | 'status' | 'scheduledFor' | 'finishedAt'>;

export async function lastRuns(db: Queryable, uids: readonly number[]): Promise<Map<number, LastRun>> {
  const { rows } = await db.query<
    Row<typeof runs, 'id' | 'status' | 'scheduled_for' | 'finished_at'> & { uid: string }
  >({
    name: 'last-runs',
    text: `
      select u.uid, r.id, r.status, r.scheduled_for, r.finished_at from unnest($1::bigint[]) as u(uid)
      cross join lateral (select * from runs where task_uid = u.uid order by id desc limit 1) r`,
    values: [uids],
  });
  return new Map(
    rows.map((row) => [
      Number(row.uid),
      { id: row.id, status: row.status, scheduledFor: row.scheduled_for, finishedAt: row.finished_at },
    ]),
  );
}

/** The last run of the same task before this one that is over; null when there is none. Instants are RFC 3339. */
export async function previousRun(
  db: Queryable,
  runId: string,
): Promise<{ id: string; status: RunStatus; scheduledFor: string; finishedAt: string } | null> {
  const { rows } = await db.query<
    Row<typeof runs, 'id' | 'status' | 'scheduled_for'> & FilledRow<typeof runs, 'finished_at'>
  >({
    name: 'previous-run',
    text: `
      select p.id, p.status, p.scheduled_for, p.finished_at from runs r
      cross join lateral (
        select * from runs p where p.task_uid = r.task_uid and p.id < r.id and p.finished_at is not null and p.status <> 'skipped'
        order by p.id desc limit 1) p
      where r.id = $1`,
    values: [runId],
  });
  const row = rows[0];
  if (!row) return null;
  const { id, status } = row;
  return { id, status, scheduledFor: row.scheduled_for.toISOString(), finishedAt: row.finished_at.toISOString() };
}

/**
 * Looks at `limit` runs after the id `after` (null: from the oldest on) that were scheduled before `before`, and
 * deletes those that were over by then, always keeping a task's newest run. Gives back how many went, and where to go
 * on; null at the end. It goes by key ranges, so that runs which have to stay are not read again with every batch.
 */
export async function deleteOldRuns(
  db: Queryable,
  before: number,
  after: string | null,
  limit: number,
): Promise<{ deleted: number; next: string | null }> {
  const { rows } = await db.query<{ deleted: number; last: Row<typeof runs, 'id'>['id'] | null }>({
    name: 'delete-old-runs',
    text: `
      with page as (
        select id, task_uid, finished_at from runs
        where id < $1 and ($2::uuid is null or id > $2) order by id limit $3
      ), gone as (
        delete from runs r using page
        where r.id = page.id and page.finished_at < $4
          and exists (select from runs newer where newer.task_uid = page.task_uid and newer.id > page.id)
        returning r.id
      )
      select (select count(*)::integer from gone) as deleted,
        (select case when count(*) = $3 then (array_agg(id order by id desc))[1] end from page) as last`,
    values: [leastRunId(before), after, limit, new Date(before).toISOString()],
  });
  return { deleted: rows[0]?.deleted ?? 0, next: rows[0]?.last ?? null };
}
