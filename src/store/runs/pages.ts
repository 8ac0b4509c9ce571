/** Pages of the history of runs. */

import { and, desc, eq, gte, inArray, lt, ne, type SQL, sql } from 'drizzle-orm';
import { defaultNamespace } from '../../domain/access/namespace.ts';
import type { RunStatus, Trigger } from '../../domain/run/run.ts';
import { leastRunId } from '../../domain/schedule/occurrence.ts';
import type { Database } from '../postgres/database.ts';
import { runs, tasks } from '../schema.ts';
import { type Run, selection, uidsOf } from './history.ts';

/** Which runs a list shows: all conditions hold. Instants are epoch milliseconds. */
export type RunFilter = {
  namespace: string;
  /** Null for the runs of all tasks of the namespace. */
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

/** So many runs of all namespaces are looked at before those of one are looked for by its tasks. */
const window = 2_000;

/** Newest first: by scheduled instant. A deleted task's runs are found by the id it had. */
export async function listRuns(db: Database, filter: RunFilter): Promise<Run[]> {
  const { namespace, taskId, limit, statuses, triggers } = filter;
  const range = rangeOf(filter);
  if (taskId !== null) {
    const uids = await uidsOf(db, namespace, taskId);
    if (uids.length === 0) return [];
    const isOfTask = uids.length === 1 ? eq(runs.taskUid, uids[0] as number) : inArray(runs.taskUid, uids);
    return read(db, filter, (kind) => newest([isOfTask, ...range, ...kind], limit));
  }
  if (namespace !== defaultNamespace && statuses.length + triggers.length === 0)
    return read(db, filter, () => newest([...isIn(namespace), ...range], limit));
  const found = await read(db, filter, (kind) => newestInWindow(namespace, [...range, ...kind], limit));
  if (found.length === limit || (await fitsWindow(db, filter, range))) return found;
  return read(db, filter, (kind) => newestByTasks(namespace, [...range, ...kind], limit));
}

/**
 * The newest runs of the pages of all kinds that are asked for. A partial index serves only one status or trigger, and
 * only as a literal that the planner can read.
 */
async function read(db: Database, filter: RunFilter, pageOf: (kind: SQL[]) => SQL): Promise<Run[]> {
  const pages = sql.join(kindsOf(filter).map(pageOf), sql` union all `);
  const rows = await db.orm
    .select(selection)
    .from(runs)
    .innerJoin(tasks, eq(tasks.uid, runs.taskUid))
    .where(sql`${runs.id} in (select id from (${pages}) page order by id desc limit ${filter.limit})`)
    .orderBy(desc(runs.id));
  return rows.map((row) => ({ ...row.run, namespace: row.namespace, taskId: row.taskId }));
}

/** Selects the ids of the newest runs that meet the conditions. */
function newest(conditions: readonly SQL[], limit: number): SQL {
  return sql`(select id from ${runs} where ${and(...conditions)} order by ${runs.id} desc limit ${limit})`;
}

/**
 * The same of those in the namespace, among the newest of all namespaces. So plain runs of `default` need no index of
 * their namespace.
 */
function newestInWindow(namespace: string, conditions: readonly SQL[], limit: number): SQL {
  const recent = sql`
    select id, namespace from ${runs} where ${and(sql`true`, ...conditions)} order by ${runs.id} desc limit ${window}`;
  return sql`(select id from (${recent}) recent where namespace = ${namespace} order by id desc limit ${limit})`;
}

/** Whether no kind that is asked for has runs beyond those that `newestInWindow` looks at. */
async function fitsWindow(db: Database, filter: RunFilter, range: readonly SQL[]): Promise<boolean> {
  for (const kind of kindsOf(filter)) {
    const [beyond] = await db.orm
      .select({ id: runs.id })
      .from(runs)
      .where(and(...range, ...kind))
      .orderBy(desc(runs.id))
      .offset(window)
      .limit(1);
    if (beyond) return false;
  }
  return true;
}

/** The same of all in the namespace, by way of its tasks, deleted ones too. */
function newestByTasks(namespace: string, conditions: readonly SQL[], limit: number): SQL {
  const ofTask = newest([sql`${runs.taskUid} = own.uid`, ...conditions], limit);
  // One index knows the live tasks of a namespace, another one those that were deleted.
  const own = ['is null', 'is not null'].map(
    (state) => sql`select uid from ${tasks} where namespace = ${namespace} and deleted_at ${sql.raw(state)}`,
  );
  return sql`(
    select newest.id from (${sql.join(own, sql` union all `)}) own cross join lateral ${ofTask} newest
    order by newest.id desc limit ${limit})`;
}

/** The second condition is that of the index. */
function isIn(namespace: string): SQL[] {
  return [eq(runs.namespace, namespace), ne(runs.namespace, sql.raw(`'${defaultNamespace}'`))];
}

function rangeOf({ from, to, before }: RunFilter): SQL[] {
  return [
    ...(from === null ? [] : [gte(runs.id, leastRunId(from))]),
    ...(to === null ? [] : [lt(runs.id, leastRunId(to))]),
    ...(before === null ? [] : [lt(runs.id, before)]),
  ];
}

/** The conditions of each pair of a status and a trigger that the filter names. */
function kindsOf({ statuses, triggers }: RunFilter): SQL[][] {
  const literals = (column: typeof runs.status | typeof runs.trigger, values: readonly string[]) =>
    values.length === 0 ? [[]] : [...new Set(values)].map((value) => [sql`${column} = ${sql.raw(`'${value}'`)}`]);
  const byTrigger = literals(runs.trigger, triggers);
  return literals(runs.status, statuses).flatMap((status) => byTrigger.map((trigger) => [...status, ...trigger]));
}
