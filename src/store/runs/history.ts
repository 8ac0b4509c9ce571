/** The history of runs: reads single runs, and deletes the oldest. */

import { and, desc, eq } from 'drizzle-orm';
import type { RunStatus } from '../../domain/run/run.ts';
import { leastRunId } from '../../domain/schedule/occurrence.ts';
import { runLogs } from '../logs/schema.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import type { FilledRow, Row } from '../rows.ts';
import { runs, tasks } from '../schema.ts';
import { isCounted } from '../stats/roll-up.ts';

/** A stored run with the name of its task. */
export type Run = typeof runs.$inferSelect & { namespace: string; taskId: string };

/** A run that is read by itself, with its log; null where it logged nothing. */
export type WholeRun = Run & { log: typeof runLogs.$inferSelect | null };

/** A run and what its task tells of it. */
export const selection = { run: runs, namespace: tasks.namespace, taskId: tasks.id };

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

export async function findRun(db: Database, id: string): Promise<WholeRun | null> {
  const [row] = await db.orm
    .select({ ...selection, log: runLogs })
    .from(runs)
    .innerJoin(tasks, eq(tasks.uid, runs.taskUid))
    .leftJoin(runLogs, eq(runLogs.run, runs.id))
    .where(eq(runs.id, id));
  return row ? { ...row.run, namespace: row.namespace, taskId: row.taskId, log: row.log } : null;
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
        where r.id = page.id and page.finished_at < $4 and ${isCounted('r')}
          and exists (select from runs newer where newer.task_uid = page.task_uid and newer.id > page.id)
        returning r.id
      )
      select (select count(*)::integer from gone) as deleted,
        (select case when count(*) = $3 then (array_agg(id order by id desc))[1] end from page) as last`,
    values: [leastRunId(before), after, limit, new Date(before).toISOString()],
  });
  return { deleted: rows[0]?.deleted ?? 0, next: rows[0]?.last ?? null };
}
