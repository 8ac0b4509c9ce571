/**
 * Claims due occurrences: one statement for a batch. The primary key is the fence under every lock.
 *
 *     due ─▶ task of that schedule version? ─yes─▶ insert ─┬─▶ won: running and ours, or pending (limits, check)
 *                                      no: left out        └─▶ not won: another replica's, or the slot is taken
 */

import { createInstantFormat, formatInstant } from '../../../domain/input/instant.ts';
import type { Overlap } from '../../../domain/task/task.ts';
import type { Queryable } from '../../postgres/database.ts';
import { plainArray } from '../../postgres/plain-array.ts';
import type { Row } from '../../rows.ts';
import type { tasks } from '../../schema.ts';
import { isNotDeleted } from '../../tasks/row.ts';
import { runGroup } from '../run-group.ts';
import { chooseNew, insertRuns, newRun, starts, waits } from '../transitions.ts';

/** An occurrence to claim. Instants are epoch milliseconds. */
export type Due = {
  runId: string;
  uid: number;
  /** The schedule version whose timetable gave the occurrence. */
  scheduleVersion: number;
  scheduledFor: number;
  /** The version of the task snapshot that the caller has in memory; 0 when it has none. */
  knownVersion: number;
};

type TaskColumns = Row<typeof tasks>;

/** Everything about a task that a replica needs to carry out its runs. */
export type TaskSnapshot = {
  namespace: TaskColumns['namespace'];
  taskId: TaskColumns['id'];
  version: TaskColumns['version'];
  target: TaskColumns['target'];
  timeoutMs: number;
  maxAttempts: number;
  retry: TaskColumns['retry'];
  /** Whether a run may be queued behind another of the task. */
  queues: boolean;
  /** Only the policies that the task asks for; null where it asks for none. */
  policies: TaskColumns['policies'];
  /** For templates; null where the task has none. */
  about: Pick<TaskColumns, 'name' | 'labels'> | null;
};

export type Claim = {
  runId: string;
  /** Won: the run exists and is ours. Otherwise another replica has it, or the task's last run is still live. */
  won: boolean;
  /** Won, but to wait for its limits or its check: nothing to start yet. */
  waits: boolean;
  /** The overlap policy of the task; null where the occurrence was won. */
  overlap: Overlap | null;
  /** Given when `knownVersion` was not the task's version. */
  snapshot: TaskSnapshot | null;
  /** How many more occurrences the task's `maxRuns` leaves after this claim; null without a limit. */
  left: number | null;
};

export type Claimer = {
  /** Null where the runs are only written down, for any replica to take. */
  owner: string | null;
  /** Epoch milliseconds: when the attempts start. */
  now: number;
  trigger: 'schedule' | 'catch_up';
};

/** The task snapshot of a task as JSON; `t` is the tasks table. */
export const snapshotColumn = `json_build_object('namespace', t.namespace, 'taskId', t.id, 'version', t.version, 'target', t.target,
  'timeoutMs', t.timeout_ms, 'maxAttempts', (t.retry->>'maxAttempts')::int, 'retry', t.retry,
  'queues', t.overlap in ('queue', 'replace'), 'policies', t.policies, 'about', case
    when t.target ? 'template' or t.policies #> '{fallback,template}' is not null
    then json_build_object('name', t.name, 'labels', t.labels) end)`;

/**
 * The columns that a run copies from its task `t`: its namespace, its limits, whether it has to be checked, whether
 * hooks hear of its end.
 */
export const policyColumns = `t.namespace, ${runGroup('t')} as limit_group, t.policies #> '{hooks,before}' is not null as checked,
  nullif(t.policies ? 'hooks', false) as hooked`;

/**
 * The due occurrences whose task is still as the timetable knows it. Those of stopped or changed tasks are left out. A
 * task may have been completed by a later occurrence of the same schedule version.
 */
const liveText = `
  select d.run_id, d.scheduled_for, d.known_version, t.uid, t.version, t.overlap, t.priority, t.retry, t.max_runs, t.claimed, ${policyColumns},
    case when t.version <> d.known_version then ${snapshotColumn} end as snapshot
  from unnest($1::uuid[], $2::bigint[], $3::integer[], $4::timestamptz[], $5::integer[])
    as d(run_id, uid, schedule_version, scheduled_for, known_version)
  join tasks t on t.uid = d.uid and t.schedule_version = d.schedule_version and t.status <> 'stopped' and ${isNotDeleted}`;

/**
 * Inserts the runs of the occurrences in `live`, task by task: two claims of any instants may wait for each other's
 * overlap slots, so both must take them in the same order. Parameters: `owner` (null: the runs wait to be taken), the
 * trigger, the instant of the claim. Runs with limits or a check always wait. Occurrences that are made up for wait in
 * slot 2 where the task forbids overlap.
 */
export function insertLive(ownerText: string, triggerText: string, nowText: string): string {
  const [owner, trigger, now] = [`${ownerText}::uuid`, `${triggerText}::run_trigger`, `${nowText}::timestamptz`];
  const overlapSlot = `case when overlap = 'allow' then null when ${trigger} = 'catch_up' then 2 else 0 end`;
  const run = {
    ...newRun({ id: 'run_id', trigger, scheduledFor: 'scheduled_for', dueAt: 'scheduled_for', now }),
    ...chooseNew([['starts', starts(owner, overlapSlot, now)]], waits(overlapSlot, now)),
  };
  return `
  ${insertRuns(run)}
  from (select *, ${owner} is not null and limit_group is null and not checked as starts from live) live order by uid, run_id
  on conflict do nothing
  returning id, task_uid`;
}

const insertText = insertLive('$6', '$7', '$8');

/**
 * One row without a run holds the number of occurrences found. Other rows are the occurrences with more to report than
 * that they were won, or all when some were not found. Without joins: the planner would use nested loops.
 */
const answerText = (left: string) => `
  select null::uuid as run_id, null::boolean as won, null::boolean as waits, null::overlap as overlap, null::json as snapshot,
    count(*)::integer as "left" from live
  union all
  select * from (
    select run_id, run_id in (select id from won) as won, limit_group is not null or checked as waits, overlap, snapshot, ${left} as "left" from live
  ) each
  where not won or waits or snapshot is not null or "left" is not null or (select count(*) from live) < cardinality($1::uuid[])`;

/** A task that got a `maxRuns` meanwhile is left out too, because its runs must be counted. */
const claimText = `with live as (${liveText} and t.max_runs is null), won as (${insertText}) ${answerText('null::integer')}`;

/** The same for tasks with `maxRuns`: their rows are locked, so that two replicas cannot spend the same remainder. */
const claimLimitedText = `
  with locked as (${liveText} order by t.uid for update of t),
  live as (
    select * from (select *, row_number() over (partition by uid order by scheduled_for) as place from locked) ranked
    where place <= coalesce(max_runs - claimed, 2147483647)
  ),
  won as (${insertText}),
  counted as (
    update tasks t set claimed = t.claimed + n.runs
    from (select task_uid, count(*)::integer as runs from won group by task_uid) n where t.uid = n.task_uid
    returning t.uid
  )
  ${answerText('max_runs - claimed - (select count(*) from won where task_uid = uid)::integer')}`;

type AnswerRow = [
  runId: string | null,
  won: boolean,
  waits: boolean,
  overlap: Row<typeof tasks, 'overlap'>['overlap'],
  snapshot: TaskSnapshot | null,
  left: number | null,
];

/**
 * Inserts the runs of the given occurrences as `running` and ours. The answer lacks the occurrences of tasks that are
 * no longer of that schedule version. `limited` says that all of them belong to tasks with `maxRuns`.
 */
export async function claimOccurrences(
  db: Queryable,
  due: readonly Due[],
  claimer: Claimer,
  limited: boolean,
): Promise<Claim[]> {
  const stamp = createInstantFormat();
  const { rows } = await db.query({
    name: limited ? 'claim-limited' : 'claim',
    // Of a burst whose task snapshots are not known there is a row for each, and the driver makes an object by copying
    // an empty one.
    rowMode: 'array',
    text: limited ? claimLimitedText : claimText,
    values: [
      plainArray(due, (item) => item.runId),
      plainArray(due, (item) => item.uid),
      plainArray(due, (item) => item.scheduleVersion),
      plainArray(due, (item) => stamp(item.scheduledFor)),
      plainArray(due, (item) => item.knownVersion),
      claimer.owner,
      claimer.trigger,
      formatInstant(claimer.now),
    ],
  });
  let met = 0;
  const told = new Map<string, Claim>();
  for (const [runId, won, waits, overlap, snapshot, left] of rows as unknown as AnswerRow[])
    if (runId === null) met = left ?? 0;
    else told.set(runId, { runId, won, waits, overlap: won ? null : overlap, snapshot, left });
  if (met < due.length) return [...told.values()];
  return due.map(
    ({ runId }) => told.get(runId) ?? { runId, won: true, waits: false, overlap: null, snapshot: null, left: null },
  );
}

/** The task snapshots of these tasks; those that are gone have none. */
export async function readSnapshots(db: Queryable, uids: readonly number[]): Promise<Map<number, TaskSnapshot>> {
  const { rows } = await db.query<{ uid: number; snapshot: TaskSnapshot }>({
    name: 'read-snapshots',
    text: `select t.uid::float8 as uid, ${snapshotColumn} as snapshot from tasks t where t.uid = any($1) and ${isNotDeleted}`,
    values: [uids],
  });
  return new Map(rows.map(({ uid, snapshot }) => [uid, snapshot]));
}

/**
 * The occurrences that a claim with `maxRuns` left out although their task has runs left. The claim takes no more
 * occurrences than runs are left, and an earlier one was not won. They have to be claimed once more.
 */
export function leftOver<T extends Due>(due: readonly T[], claims: readonly Claim[]): T[] {
  const answers = new Map(claims.map((claim) => [claim.runId, claim]));
  const unspent = new Set(due.filter(({ runId }) => (answers.get(runId)?.left ?? 0) > 0).map(({ uid }) => uid));
  return due.filter(({ runId, uid }) => !answers.has(runId) && unspent.has(uid));
}
