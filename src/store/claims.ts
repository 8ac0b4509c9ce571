/** Taking occurrences: one statement for a batch, the primary key as the fence under every lock. */

import { ownTask } from '../domain/limits.ts';
import type { Policies } from '../domain/policies.ts';
import type { HttpTarget } from '../domain/target.ts';
import type { Overlap, Retry } from '../domain/task.ts';
import { cancelledAttempts } from './attempt-records.ts';
import type { Queryable } from './database.ts';
import { isNotDeleted } from './task-row.ts';

/** An occurrence to take. Instants are epoch milliseconds. */
export type Due = {
  runId: string;
  uid: number;
  /** The generation whose timetable gave the occurrence. */
  generation: number;
  scheduledFor: number;
  /** The version of the plan that the caller has in memory; 0 when it has none. */
  knownVersion: number;
};

/** What a replica needs to know of a task to carry out its runs. */
export type Plan = {
  taskId: string;
  version: number;
  target: HttpTarget;
  timeoutMs: number;
  maxAttempts: number;
  retry: Retry;
  /** Whether a run may be queued behind another of the task. */
  queues: boolean;
  /** Only what the task asks for; null where it asks for nothing. */
  policies: Partial<Policies> | null;
  /** For templates; null where the task has none. */
  about: { name: string; labels: Record<string, string> } | null;
};

export type Claim = {
  runId: string;
  /** Won: the run exists and is ours. Otherwise another replica has it, or the task's last run is still live. */
  won: boolean;
  /** Won, but to wait for its limits or its check: nothing to start yet. */
  waits: boolean;
  overlap: Overlap;
  version: number;
  /** Given when `knownVersion` was not the task's version. */
  plan: Plan | null;
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

/** The seconds of waiting that one step of priority is worth: what keeps a low priority from starving. */
export const secondsPerPriority = 10;

/** The plan of a task as JSON; `t` is the tasks table. */
export const planColumn = `json_build_object('taskId', t.id, 'version', t.version, 'target', t.target,
  'timeoutMs', t.timeout_ms, 'maxAttempts', (t.retry->>'maxAttempts')::int, 'retry', t.retry,
  'queues', t.overlap in ('queue', 'replace'), 'policies', t.policies, 'about', case
    when t.target ? 'template' or t.policies #> '{fallback,template}' is not null
    then json_build_object('name', t.name, 'labels', t.labels) end)`;

/** What a run takes over from its task `t`: its gate, whether it has to be checked, whether hooks hear of its end. */
export const policyColumns = `replace(t.gate, '${ownTask}', t.uid::text) as gate, t.policies #> '{hooks,before}' is not null as checked,
  nullif(t.policies ? 'hooks', false) as hooked`;

/** The due occurrences whose task still is what the timetable believed: stopped or changed ones drop out here. */
const liveText = `
  select d.run_id, d.scheduled_for, d.known_version, t.uid, t.version, t.overlap, t.priority, t.retry, t.max_runs, t.claimed, ${policyColumns},
    case when t.version <> d.known_version then ${planColumn} end as plan
  from unnest($1::uuid[], $2::bigint[], $3::integer[], $4::timestamptz[], $5::integer[])
    as d(run_id, uid, generation, scheduled_for, known_version)
  join tasks t on t.uid = d.uid and t.generation = d.generation and t.status = 'active' and ${isNotDeleted}`;

/**
 * Inserts the runs of what `live` selects, task by task: two claims also wait for each other's lanes, whichever instants
 * they are for, and must meet them in the same order. Parameters: `owner` (null: the runs wait to be taken), the trigger,
 * the instant of the claim. Runs with limits or a check wait in any case; what is made up for waits in line where the
 * task forbids overlap.
 */
export const insertRuns = (owner: string, trigger: string, now: string) => `
  insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, rank, lane, owner, attempt, max_attempts, created_at,
    started_at, gate, check_due, hooked)
  select run_id, uid, ${trigger}::run_trigger, case when starts then 'running' else 'pending' end::run_status,
    scheduled_for, scheduled_for, scheduled_for - priority * interval '${secondsPerPriority} seconds',
    case when overlap = 'allow' then null when ${trigger}::run_trigger = 'catch_up' then 2 else 0 end,
    case when starts then ${owner}::uuid end, case when starts then 1 else 0 end, (retry->>'maxAttempts')::smallint,
    ${now}::timestamptz, case when starts then ${now}::timestamptz end, gate, case when checked then ${now}::timestamptz end, hooked
  from (select *, ${owner}::uuid is not null and gate is null and not checked as starts from live) live order by uid, run_id
  on conflict do nothing
  returning id, task_uid`;

const insertText = insertRuns('$6', '$7', '$8');

/** No joins here: the planner takes these lists for short ones, and would go through one for each row of the other. */
const answerText = (left: string) => `
  select run_id, run_id in (select id from won) as won, gate is not null or checked as waits, overlap, version, ${left} as left, plan from live`;

const claimText = `with live as (${liveText}), won as (${insertText}) ${answerText('null::integer')}`;

/** The same for tasks with `maxRuns`: their rows are locked, so that two replicas cannot spend the same remainder. */
const claimLimitedText = `
  with locked as (${liveText} order by t.uid for update of t),
  live as (
    select * from (select *, row_number() over (partition by uid order by scheduled_for) as place from locked) ranked
    where place <= max_runs - claimed
  ),
  won as (${insertText}),
  counted as (
    update tasks t set claimed = t.claimed + n.runs
    from (select task_uid, count(*)::integer as runs from won group by task_uid) n where t.uid = n.task_uid
    returning t.uid
  )
  ${answerText('max_runs - claimed - (select count(*) from won where task_uid = uid)::integer')}`;

/**
 * Inserts the runs of the given occurrences as `running` and ours. What comes back lacks the occurrences of tasks that
 * are no longer of that generation. `limited` says that all of them belong to tasks with `maxRuns`.
 */
export async function claimOccurrences(
  db: Queryable,
  due: readonly Due[],
  claimer: Claimer,
  limited: boolean,
): Promise<Claim[]> {
  const { rows } = await db.query<{
    run_id: string;
    won: boolean;
    waits: boolean;
    overlap: Overlap;
    version: number;
    left: number | null;
    plan: Plan | null;
  }>({
    name: limited ? 'claim-limited' : 'claim',
    text: limited ? claimLimitedText : claimText,
    values: [
      due.map((item) => item.runId),
      due.map((item) => item.uid),
      due.map((item) => item.generation),
      due.map((item) => new Date(item.scheduledFor).toISOString()),
      due.map((item) => item.knownVersion),
      claimer.owner,
      claimer.trigger,
      new Date(claimer.now).toISOString(),
    ],
  });
  return rows.map((row) => ({
    runId: row.run_id,
    won: row.won,
    waits: row.waits,
    overlap: row.overlap,
    version: row.version,
    plan: row.plan,
    left: row.left,
  }));
}

/** The plans of these tasks; those that are gone have none. */
export async function readPlans(db: Queryable, uids: readonly number[]): Promise<Map<number, Plan>> {
  const { rows } = await db.query<{ uid: number; plan: Plan }>({
    name: 'read-plans',
    text: `select t.uid::float8 as uid, ${planColumn} as plan from tasks t where t.uid = any($1) and ${isNotDeleted}`,
    values: [uids],
  });
  return new Map(rows.map(({ uid, plan }) => [uid, plan]));
}

/** Those of these runs that do not exist. */
export async function withoutRun(db: Queryable, runIds: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'without-run',
    text: 'select id from unnest($1::uuid[]) as g(id) where not exists (select from runs r where r.id = g.id)',
    values: [runIds],
  });
  return rows.map(({ id }) => id);
}

/**
 * What a claim with limits left out although its task has runs left: it reached for no more occurrences than those, and an
 * earlier one was not won. To be claimed once more.
 */
export function leftOver<T extends Due>(due: readonly T[], claims: readonly Claim[]): T[] {
  const answers = new Map(claims.map((claim) => [claim.runId, claim]));
  const unspent = new Set(due.filter(({ runId }) => (answers.get(runId)?.left ?? 0) > 0).map(({ uid }) => uid));
  return due.filter(({ runId, uid }) => !answers.has(runId) && unspent.has(uid));
}

/**
 * Makes way for runs of tasks with `replace` that do not exist yet: an earlier run that waits is skipped, an earlier one
 * that runs is marked for its replica to abort. Gives back how many were skipped, cancelled or marked.
 */
export async function makeWay(
  db: Queryable,
  runs: readonly { runId: string; uid: number }[],
  now: number,
): Promise<{ skipped: number; cancelled: number; aborting: number }> {
  const { rows } = await db.query<{ skipped: number; cancelled: number; aborting: number }>({
    name: 'make-way',
    text: `
      with coming as (
        select g.uid, g.run_id from unnest($1::bigint[], $2::uuid[]) as g(uid, run_id)
        where not exists (select from runs where id = g.run_id)
      ), waiting as (
        update runs r set status = case r.status when 'pending' then 'skipped' else 'cancelled' end::run_status, lane = null,
          finished_at = $3, reason = 'replaced by a later run'
        from coming c
        where r.task_uid = c.uid and r.id < c.run_id and r.lane < 2 and r.status in ('pending', 'retrying')
        returning r.status
      ), live as (
        update runs r set cancel_requested = true, reason = 'replaced by a later run'
        from coming c
        where r.task_uid = c.uid and r.id < c.run_id and r.lane = 0 and r.status = 'running'
          and r.heartbeat_due is null
        returning r.id
      ), left_alone as (
        -- Its target works on by itself: there is no attempt to abort.
        update runs r set status = 'cancelled', cancel_requested = true, reason = 'replaced by a later run', lane = null,
          finished_at = $3, heartbeat_due = null, error_kind = 'cancelled', error_message = 'cancelled',
          attempts = ${cancelledAttempts('$3')}
        from coming c
        where r.task_uid = c.uid and r.id < c.run_id and r.lane = 0 and r.heartbeat_due is not null
        returning r.status
      )
      select (select count(*)::integer from waiting where status = 'skipped') as skipped,
        (select count(*)::integer from waiting where status = 'cancelled') +
          (select count(*)::integer from left_alone) as cancelled,
        (select count(*)::integer from live) as aborting`,
    values: [runs.map(({ uid }) => uid), runs.map(({ runId }) => runId), new Date(now).toISOString()],
  });
  return rows[0] ?? { skipped: 0, cancelled: 0, aborting: 0 };
}

/**
 * Writes down the occurrences that were due while their task's run was still live: under `queue` and `replace` one waits
 * behind it, which counts for the task's `maxRuns`; every other is `skipped`. Does nothing for an occurrence that already
 * has its run. Gives back the ids of the runs that were written.
 */
export async function recordOverlaps(
  db: Queryable,
  due: readonly Due[],
  claimer: Claimer,
): Promise<{ queued: string[]; skipped: string[] }> {
  const { rows } = await db.query<{ id: string; is_queued: boolean }>({
    name: 'record-overlaps',
    text: `
      with locked as materialized (
        -- Two replicas cannot spend the same remainder, and nobody sees it spent before it is.
        select uid, max_runs > claimed as has_left from tasks
        where uid = any($2::bigint[]) and max_runs is not null order by uid for update
      ), late as (
        select d.run_id, d.scheduled_for, t.uid, t.overlap, t.priority, t.retry, ${policyColumns}
        from unnest($1::uuid[], $2::bigint[], $3::integer[], $4::timestamptz[]) as d(run_id, uid, generation, scheduled_for)
        join tasks t on t.uid = d.uid and t.generation = d.generation and ${isNotDeleted}
        where not exists (select from runs where id = d.run_id)
          and (t.max_runs is null or (select has_left from locked where uid = t.uid))
      ), queued as (
        insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, rank, lane, attempt, max_attempts, created_at, gate,
          check_due, hooked)
        select distinct on (uid) run_id, uid, $5::run_trigger, 'pending'::run_status, scheduled_for, scheduled_for,
          scheduled_for - priority * interval '${secondsPerPriority} seconds', 1, 0, (retry->>'maxAttempts')::smallint,
          $6::timestamptz, gate, case when checked then $6::timestamptz end, hooked
        from late where overlap in ('queue', 'replace') order by uid, scheduled_for
        on conflict do nothing
        returning id, task_uid
      ), counted as (
        update tasks t set claimed = t.claimed + 1 from queued q where t.uid = q.task_uid and t.max_runs is not null
      ), skipped as (
        insert into runs (id, task_uid, trigger, status, scheduled_for, due_at, rank, attempt, max_attempts, created_at, finished_at, reason)
        select run_id, uid, $5::run_trigger, 'skipped', scheduled_for, scheduled_for, scheduled_for, 0,
          (retry->>'maxAttempts')::smallint, $6, $6, 'overlap'
        from late where run_id not in (select id from queued) order by run_id
        on conflict do nothing
        returning id
      )
      select id, true as is_queued from queued union all select id, false from skipped`,
    values: [
      due.map((item) => item.runId),
      due.map((item) => item.uid),
      due.map((item) => item.generation),
      due.map((item) => new Date(item.scheduledFor).toISOString()),
      claimer.trigger,
      new Date(claimer.now).toISOString(),
    ],
  });
  const idsOf = (isQueued: boolean) => rows.filter((row) => row.is_queued === isQueued).map((row) => row.id);
  return { queued: idsOf(true), skipped: idsOf(false) };
}
