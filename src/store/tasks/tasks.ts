/** Tasks in Postgres: create, read, change, delete. Every change leaves its event in the same statement. */

import { sameLimits } from '../../domain/limits/limits.ts';
import type { TaskDefinition } from '../../domain/task/task.ts';
import { type Author, describeChange, type Redact } from '../events/events.ts';
import { limitGroupOf } from '../limits/groups.ts';
import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import { runGroup } from '../runs/run-group.ts';
import { updateRuns } from '../runs/transitions.ts';
import type { tasks } from '../schema.ts';
import { definitionColumns, isNotDeleted, type Task, type TaskRow, taskColumns, taskOf } from './row.ts';

export type NewTask = { namespace: string; id: string; definition: TaskDefinition; activeFrom: number; author: Author };

/** The stored task; null where its id is taken, or its namespace is `closed`: being deleted, or gone. */
export type Inserted = Task | null | { closed: true };

/**
 * Stores new tasks with one statement; the answer has one entry per item, in order: null where the id is taken
 * also by an earlier item. `now` is in epoch milliseconds.
 */
export async function insertTasks(db: Queryable, items: readonly NewTask[], now: number): Promise<(Task | null)[]> {
  return (await insert(db, items, now, false)).map((made) =>
    made !== null && typeof made === 'object' && 'uid' in made ? made : null,
  );
}

/** The same, but for tasks of namespaces with quotas for creations: these are left out, for `insertWithinQuotas`. */
export function insertFreeTasks(
  db: Queryable,
  items: readonly NewTask[],
  now: number,
): Promise<(Inserted | 'has_quotas')[]> {
  return insert(db, items, now, true);
}

async function insert(
  db: Queryable,
  items: readonly NewTask[],
  now: number,
  freeOnly: boolean,
): Promise<(Inserted | 'has_quotas')[]> {
  const at = new Date(now).toISOString();
  const records = items.map((item, position) => ({
    position,
    namespace: item.namespace,
    ...definitionColumns(item.id, item.definition),
    limit_group: limitGroupOf({ ...item, createdAt: now }, item.definition),
    active_from: new Date(item.activeFrom).toISOString(),
    actor: item.author.actor,
    via: item.author.via,
    address: item.author.address,
    request_id: item.author.requestId,
  }));
  const { rows } = await db.query<
    (TaskRow | { uid: null }) & { position: number; is_left_out: boolean; is_closed: boolean }
  >({
    name: 'insert-tasks',
    text: `
      with given as (
        select distinct on (x.namespace, x.id) x.*, coalesce(n.quotas ? 'concurrentRuns', false) as in_quota,
          coalesce(n.closing, true) as is_closed,
          $3 and coalesce(n.quotas ?| array['tasks', 'createsPerMinute'], false) as is_left_out
        from jsonb_to_recordset($1::jsonb) as x(position integer, actor text, via text, address text, request_id text,
          namespace text, id text, name text, description text, labels jsonb, schedule jsonb, target jsonb, timeout_ms bigint, retry jsonb,
          overlap overlap, misfire jsonb, starts_at timestamptz, ends_at timestamptz, max_runs integer, jitter_ms bigint,
          priority smallint, policies jsonb, limit_group uuid, status task_status, active_from timestamptz)
        left join namespaces n on n.id = x.namespace
        order by x.namespace, x.id, position
      ), made as (
        insert into tasks (namespace, id, name, description, labels, schedule, target, timeout_ms, retry, overlap, misfire, starts_at,
          ends_at, max_runs, jitter_ms, priority, policies, limit_group, in_quota, status, active_from, created_at, updated_at)
        select namespace, id, name, description, labels, schedule, target, timeout_ms, retry, overlap, misfire, starts_at,
          ends_at, max_runs, jitter_ms, priority, policies, limit_group, in_quota, status, active_from, $2, $2
        from given where not is_left_out and not is_closed order by namespace, id
        on conflict (namespace, id) where deleted_at is null do nothing
        returning *
      ), noted as (
        insert into events (namespace, task_uid, type, at, actor, via, address, request_id)
        select namespace, made.uid, 'created', $2, given.actor, given.via, given.address, given.request_id
        from made join given using (namespace, id)
      )
      select given.position, given.is_left_out, given.is_closed, ${taskColumns('made')} from given left join made using (namespace, id)`,
    values: [JSON.stringify(records), at, freeOnly],
  });
  const answers: Inserted[] = items.map(() => null);
  const leftOut = new Set<string | undefined>();
  for (const row of rows)
    if (row.uid !== null) answers[row.position] = taskOf(row);
    else if (row.is_closed) answers[row.position] = { closed: true };
    else if (row.is_left_out) leftOut.add(items[row.position]?.namespace);
  return items.map(({ namespace }, place) => (leftOut.has(namespace) ? 'has_quotas' : (answers[place] ?? null)));
}

/** The live task of this id in the namespace, or null. */
export async function findTask(db: Queryable, namespace: string, id: string): Promise<Task | null> {
  const { rows } = await db.query<TaskRow>({
    name: 'find-task',
    text: `select ${taskColumns('tasks')} from tasks where namespace = $1 and id = $2 and deleted_at is null`,
    values: [namespace, id],
  });
  return rows[0] ? taskOf(rows[0]) : null;
}

/**
 * The new state of a changed task. `scheduleVersion` says whether its occurrences have changed, from `activeFrom` on.
 */
export type TaskChange = {
  type: 'updated' | 'started' | 'stopped';
  definition: TaskDefinition;
  /** Set when occurrences change; null keeps them. */
  activeFrom: number | null;
  /** Hides credentials in the task's events. */
  redact: Redact;
  /** How many occurrences count for `maxRuns`; kept when not given. */
  claimed?: number;
};

/**
 * Writes a change if the task is still at `task.version`; null when another change came first.
 * Before the change is answered it has to hold: see `claimsAreOver`.
 */
export async function updateTask(
  db: Queryable,
  task: Task,
  change: TaskChange,
  author: Author,
  now: number,
): Promise<Task | null> {
  const { rows } = await db.query<TaskRow>({
    name: 'update-task',
    text: `
      with given as (
        select x.* from jsonb_to_record($1::jsonb) as x(
          name text, description text, labels jsonb, schedule jsonb, target jsonb, timeout_ms bigint, retry jsonb,
          overlap overlap, misfire jsonb, starts_at timestamptz, ends_at timestamptz, max_runs integer, jitter_ms bigint,
          priority smallint, policies jsonb, limit_group uuid, status task_status)
      ), made as (
        update tasks t set name = g.name, description = g.description, labels = g.labels, schedule = g.schedule,
          target = g.target, timeout_ms = g.timeout_ms, retry = g.retry, overlap = g.overlap, misfire = g.misfire,
          starts_at = g.starts_at, ends_at = g.ends_at, max_runs = g.max_runs, jitter_ms = g.jitter_ms,
          priority = g.priority, policies = g.policies, limit_group = g.limit_group, status = g.status, version = t.version + 1, updated_at = $4,
          schedule_version = t.schedule_version + case when $5::timestamptz is null then 0 else 1 end,
          claimed = coalesce($11, t.claimed),
          active_from = coalesce($5, t.active_from), changed_in = pg_current_xact_id()
        from given g
        where t.uid = $2 and t.version = $3 and t.deleted_at is null
        returning t.*
      ), regrouped as (
        ${updateRuns({ limit_group: runGroup('made') })} from made
        where $10 and r.task_uid = made.uid and r.status in ('pending', 'retrying')
      ), noted as (
        insert into events (namespace, task_uid, type, at, actor, request_id, data, via, address)
        select namespace, uid, $6, $4, $7, $8, $9, $12, $13 from made
      )
      select ${taskColumns('made')} from made`,
    values: [
      JSON.stringify({
        ...definitionColumns(task.id, change.definition),
        limit_group: limitGroupOf(task, change.definition),
      }),
      task.uid,
      task.version,
      new Date(now).toISOString(),
      change.activeFrom === null ? null : new Date(change.activeFrom).toISOString(),
      change.type,
      author.actor,
      author.requestId,
      JSON.stringify({
        ...describeChange(task.definition, change.definition, change.redact),
        ...(author.source != null && { triggerSource: author.source }),
      }),
      !sameLimits(task.definition, change.definition),
      change.claimed ?? null,
      author.via,
      author.address,
    ],
  });
  const row = rows[0];
  return row ? taskOf(row) : null;
}

/**
 * Turns the live task of this id in the namespace into a tombstone; null when there is none, or it is no longer at
 * `version`.
 */
export async function deleteTask(
  db: Queryable,
  namespace: string,
  id: string,
  version: number | null,
  author: Author,
  now: number,
): Promise<{ uid: number } | null> {
  const { rows } = await db.query<Row<typeof tasks, 'uid'>>({
    name: 'delete-task',
    text: `
      with gone as (
        update tasks set deleted_at = $3, version = version + 1, changed_in = pg_current_xact_id()
        where namespace = $6 and id = $1 and deleted_at is null and ($2::integer is null or version = $2)
        returning namespace, uid
      ), noted as (
        insert into events (namespace, task_uid, type, at, actor, request_id, via, address)
        select namespace, uid, 'deleted', $3, $4, $5, $7, $8 from gone
      )
      select uid from gone`,
    values: [
      id,
      version,
      new Date(now).toISOString(),
      author.actor,
      author.requestId,
      namespace,
      author.via,
      author.address,
    ],
  });
  const row = rows[0];
  return row ? { uid: Number(row.uid) } : null;
}

/**
 * A task without any further occurrence: its schedule has none in this schedule version, or (`spent`) its `maxRuns` is
 * reached, which is checked again because it may have been raised.
 */
export type ExhaustedTask = { uid: number; scheduleVersion: number; spent?: boolean };

/** Marks tasks as completed where they still are of the schedule version whose last occurrence was claimed. */
export async function completeTasks(db: Queryable, items: readonly ExhaustedTask[], now: number): Promise<void> {
  await db.query({
    name: 'complete-tasks',
    text: `
      with made as (
        update tasks t set status = 'completed', version = version + 1, updated_at = $3, changed_in = pg_current_xact_id()
        from (select * from unnest($1::bigint[], $2::integer[], $4::boolean[]) as g(uid, schedule_version, spent) order by uid) g
        where t.uid = g.uid and t.schedule_version = g.schedule_version and t.status = 'active' and ${isNotDeleted}
          and (not g.spent or t.claimed >= t.max_runs)
        returning t.namespace, t.uid
      )
      insert into events (namespace, task_uid, type, at, actor)
      select namespace, uid, 'completed', $3, 'scheduler' from made`,
    values: [
      items.map((item) => item.uid),
      items.map((item) => item.scheduleVersion),
      new Date(now).toISOString(),
      items.map((item) => item.spent === true),
    ],
  });
}
