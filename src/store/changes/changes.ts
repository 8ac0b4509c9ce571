/**
 * Changes of when a task is due. One transaction holds the task's row and writes the new definition, the runs of
 * occurrences that are still due, and the record of those that may not start any more.
 *
 * The row is locked first. A sweep also locks the rows of the tasks that it writes for. So a sweep has either committed
 * before the watermark is read here, or it sees the change. A claim takes no row lock: one that began before the change
 * may still insert a run of an occurrence that was recorded as missed. `misses.ts` corrects the
 * miss.
 */

import type { RunIds } from '../../domain/run/ids.ts';
import { instantOfRunId } from '../../domain/schedule/occurrence.ts';
import type { Moment, Revision, Wish } from '../../domain/task/change.ts';
import type { Unaccounted } from '../../domain/task/cut.ts';
import type { Author, Redact } from '../events/events.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import { insertAgain } from '../runs/claiming/insert-again.ts';
import { insertDue } from '../runs/claiming/insert-due.ts';
import type { cluster, tasks } from '../schema.ts';
import { type Task, type TaskRow, taskColumns, taskOf } from '../tasks/row.ts';
import { deleteTask, type TaskChange, updateTask } from '../tasks/tasks.ts';
import { type RecordedMiss, ranIn, recordCut, type Stretch } from './misses.ts';

export type Changed = {
  task: Task;
  /** The instant of the change, epoch milliseconds. */
  at: number;
  missed: RecordedMiss | null;
  /** How many runs were made that wait to be taken. */
  made: number;
};

/** Why nothing was changed: the task is no longer at that version, or `decide` refused. */
export type Unchanged<F> = { stale: true } | { stale: false; fault: F };

/**
 * Changes a task as `decide` says. `decide` gets the facts while the row is locked, and the transaction that locks it.
 * `type` is that of the event; `redact` hides credentials in it.
 */
export function changeTask<F>(
  database: Database,
  runIds: RunIds,
  current: Task,
  wish: Pick<Wish, 'definition' | 'status'>,
  type: TaskChange['type'],
  decide: (
    task: Task,
    moment: Moment,
    db: Queryable,
  ) => Promise<{ ok: true; revision: Revision } | { ok: false; fault: F }>,
  author: Author,
  redact: Redact,
): Promise<{ ok: true; changed: Changed } | { ok: false; why: Unchanged<F> }> {
  return inTransaction(database, async (db) => {
    const held = await holdTask(db, current.namespace, current.id, current.version);
    if (held === null || held.task.uid !== current.uid) return { ok: false, why: { stale: true } };
    const { task, at } = held;
    const open = await readOpen(db, held);
    const decided = await decide(task, { at, open, ...(await readLife(db, task, wish)) }, db);
    if (!decided.ok) return { ok: false, why: { stale: false, fault: decided.fault } };
    const { definition, activeFrom, claimed, cut, again } = decided.revision;
    const written = await updateTask(db, task, { type, definition, activeFrom, claimed, redact }, author, at);
    if (written === null) return { ok: false, why: { stale: true } };
    const { uid, scheduleVersion } = written;
    const due = (instants: readonly number[]) =>
      instants.map((instant) => ({
        ...{ runId: runIds.of(uid, instant), uid, scheduleVersion, scheduledFor: instant, knownVersion: 0 },
        limited: definition.maxRuns !== null,
      }));
    const made =
      (await insertDue(db, due(cut.inTime), 'schedule', at)) +
      (await insertDue(db, due(cut.caughtUp), 'catch_up', at)) +
      (await insertAgain(db, uid, again, at));
    const missed = cut.miss && (await recordCut(db, task, open, cut.miss, decided.revision, at));
    return { ok: true, changed: { task: written, at, missed, made } };
  });
}

/**
 * Deletes the live task of this id, at `version` unless null; null when there is none. `cut` decides which occurrences
 * are missed by it.
 */
export function removeTask(
  database: Database,
  namespace: string,
  id: string,
  version: number | null,
  cut: (task: Task, open: Unaccounted) => Promise<Stretch | null>,
  author: Author,
): Promise<{ uid: number; at: number; missed: RecordedMiss | null } | null> {
  return inTransaction(database, async (db) => {
    const held = await holdTask(db, namespace, id, version);
    if (held === null) return null;
    const { task, at } = held;
    const open = await readOpen(db, held);
    const gone = await deleteTask(db, namespace, id, version, author, at);
    if (gone === null) return null;
    const miss = await cut(task, open);
    const why = { reason: 'deleted' as const, policy: task.definition.misfire.policy };
    return { ...gone, at, missed: miss && (await recordCut(db, task, open, miss, why, at)) };
  });
}

type Held = { task: Task; at: number; watermark: number };

/** Locks a live task's row. Reads must come afterwards, so that they are as new as the lock. */
async function holdTask(db: Queryable, namespace: string, id: string, version: number | null): Promise<Held | null> {
  const { rows } = await db.query<TaskRow>({
    name: 'hold-task',
    text: `
      select ${taskColumns('tasks')} from tasks
      where namespace = $1 and id = $2 and deleted_at is null and ($3::integer is null or version = $3)
      for no key update`,
    values: [namespace, id, version],
  });
  if (!rows[0]) return null;
  const { rows: told } = await db.query<Row<typeof cluster, 'watermark'> & { at: number }>({
    name: 'moment-of-change',
    text: `select watermark, floor(extract(epoch from clock_timestamp()) * 1000)::float8 as at from cluster`,
  });
  const { at, watermark } = told[0] as (typeof told)[number];
  return { task: taskOf(rows[0]), at, watermark: watermark.getTime() };
}

/** The stretch since the task's occurrences were last accounted for, and the instants in it that have runs. */
async function readOpen(db: Queryable, { task, at, watermark }: Held): Promise<Unaccounted> {
  const { definition, activeFrom, uid } = task;
  // A single instant may have passed already when it was asked for.
  const isSwept = definition.status === 'active' && !('at' in definition.schedule);
  const after = isSwept ? Math.max(activeFrom, watermark) : activeFrom;
  return { after, upTo: at, ran: definition.status === 'completed' ? [] : await ranIn(db, uid, after, at) };
}

type Life = Pick<Moment, 'counted' | 'cancelled' | 'stoppedAt'>;

/**
 * Facts about the whole life of a task. They are read only for another `maxRuns` or a start, because a task may have
 * millions of runs. No more runs are counted than the new limit allows.
 */
async function readLife(
  db: Queryable,
  { uid, definition }: Task,
  wish: Pick<Wish, 'definition' | 'status'>,
): Promise<Life> {
  const { maxRuns } = wish.definition;
  const counted = maxRuns !== null && maxRuns !== definition.maxRuns ? await countRuns(db, uid, maxRuns) : 0;
  if (definition.status !== 'stopped' || wish.status !== 'active') return { counted, cancelled: [], stoppedAt: null };
  const { rows } = await db.query<{ cancelled: string[]; stopped_at: Date | null }>({
    name: 'last-stop',
    text: `
      with stop as (
        select at from events
        where task_uid = $1 and (type = 'stopped' or type = 'updated' and data #>> '{status,to}' = 'stopped')
        order by id desc limit 1
      )
      select array(
          select id::text from runs
          where task_uid = $1 and status = 'cancelled' and attempt = 0 and reason = '${stopReason}'
            and (trigger in ('schedule', 'catch_up') or trigger = 'retry' and created_at > scheduled_for)
            and finished_at >= (select at from stop)
          order by id
        ) as cancelled, (select at from stop) as stopped_at`,
    values: [uid],
  });
  const { cancelled = [], stopped_at: stoppedAt = null } = rows[0] ?? {};
  return { counted, cancelled: cancelled.map(instantOfRunId), stoppedAt: stoppedAt?.getTime() ?? null };
}

/**
 * How many runs of the task count for a `maxRuns`, up to `most`: a limit that is reached need not be known any better.
 */
async function countRuns(db: Queryable, uid: number, most: number): Promise<number> {
  const { rows } = await db.query<{ counted: number }>({
    name: 'count-runs',
    text: `
      select count(*)::integer as counted
      from (select from runs where task_uid = $1 and ${countsForLimit} limit $2) as found`,
    values: [uid, most],
  });
  return rows[0]?.counted ?? 0;
}

/** Why a stop cancels a run. */
export const stopReason = 'task stopped';

/** Which runs of a task count for its `maxRuns`. */
const countsForLimit = `trigger in ('schedule', 'catch_up') and status <> 'skipped'`;

/**
 * Counts the runs again for a new `maxRuns`, once the claims that could not see it are over: these claims did not
 * count.
 */
export function recountRuns(database: Database, uid: number): Promise<void> {
  return inTransaction(database, async (db) => {
    const { rows } = await db.query<Row<typeof tasks, 'max_runs' | 'claimed'>>(
      'select max_runs, claimed from tasks where uid = $1 for no key update',
      [uid],
    );
    const { max_runs: most = null, claimed = 0 } = rows[0] ?? {};
    if (most === null) return;
    const counted = await countRuns(db, uid, Math.max(most, claimed));
    await db.query('update tasks set claimed = greatest(claimed, $2) where uid = $1', [uid, counted]);
  });
}
