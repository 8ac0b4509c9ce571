/** Pages of tasks: finds the tasks of a page, and reads those that the caller does not know. */

import type { RunStatus } from '../../domain/run/run.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { runs, tasks } from '../schema.ts';
import { conditionValues, type TaskConditions, taskCondition } from './filter.ts';
import { type Task, type TaskRow, taskColumns, taskOf } from './row.ts';

/** Which tasks a list shows, and how much of them. */
export type TaskFilter = TaskConditions & {
  /** Only ids after this one. */
  after: string | null;
  limit: number;
  /** Whether each task comes with its newest runs. */
  withStrip: boolean;
};

/** So many runs are in the strip of a task. */
const stripLength = 20;

/** A task on a page, with the members that change without its version. Instants are epoch milliseconds. */
export type ListedTask = {
  uid: number;
  id: string;
  version: number;
  /** How many more occurrences its `maxRuns` allows; null without a limit. */
  runsLeft: number | null;
  /** Its newest run; null where it has none. */
  lastRun: { id: string; status: RunStatus; scheduledFor: number; finishedAt: number | null } | null;
  /** Its newest runs, newest first; null where they were not asked for. */
  strip: StripRun[] | null;
};

type StripRun = { id: string; status: RunStatus; scheduledFor: number };

type TaskColumns = Row<typeof tasks>;
type RunColumns = Row<typeof runs>;

type PageRow = [
  uid: number,
  id: TaskColumns['id'],
  version: TaskColumns['version'],
  runsLeft: TaskColumns['max_runs'],
  runId: RunColumns['id'] | null,
  status: RunColumns['status'],
  scheduledFor: number,
  finishedAt: number | null,
  strip: [id: string, status: RunStatus, scheduledFor: number][] | null,
];

/** By the index on task and id, so that a task with a million runs costs no more than one with twenty. */
const stripText = `
  array(
    select json_build_array(id, status, (extract(epoch from scheduled_for) * 1000)::float8)
    from runs where task_uid = t.uid order by id desc limit ${stripLength})`;

/** Live tasks in the order of their ids, at most `limit`, and whether more follow. */
export async function listTasks(db: Queryable, filter: TaskFilter): Promise<{ items: ListedTask[]; more: boolean }> {
  const { rows } = await db.query({
    name: filter.withStrip ? 'list-tasks-with-strip' : 'list-tasks',
    rowMode: 'array',
    text: `
      select t.uid::float8, t.id, t.version, t.runs_left, r.id, r.status,
        (extract(epoch from r.scheduled_for) * 1000)::float8, (extract(epoch from r.finished_at) * 1000)::float8,
        ${filter.withStrip ? stripText : 'null'} as strip
      from (
        select uid, id, version, case when max_runs is not null then greatest(max_runs - claimed, 0) end as runs_left from tasks
        where ${taskCondition}
          and ($6::text is null or id > $6 collate "C")
        order by id limit $7
      ) t
      left join lateral (
        select id, status, scheduled_for, finished_at from runs where task_uid = t.uid order by id desc limit 1
      ) r on true
      order by t.id`,
    values: [...conditionValues(filter), filter.after, filter.limit + 1],
  });
  const items = (rows as unknown as PageRow[]).slice(0, filter.limit).map(listedTask);
  return { items, more: rows.length > filter.limit };
}

function listedTask(row: PageRow): ListedTask {
  const [uid, id, version, runsLeft, runId, status, scheduledFor, finishedAt, strip] = row;
  const lastRun = runId === null ? null : { id: runId, status, scheduledFor, finishedAt };
  const newest = strip?.map(([id, status, scheduledFor]) => ({ id, status, scheduledFor })) ?? null;
  return { uid, id, version, runsLeft, lastRun, strip: newest };
}

/** The live tasks of the namespace with these numbers, in the order of their ids. */
export async function readTasks(db: Queryable, namespace: string, uids: readonly number[]): Promise<Task[]> {
  const { rows } = await db.query<TaskRow>({
    name: 'read-tasks',
    text: `
      select ${taskColumns('tasks')} from tasks
      where uid = any($1::bigint[]) and namespace = $2 and deleted_at is null order by id`,
    values: [uids, namespace],
  });
  return rows.map(taskOf);
}
