/** What becomes of runs of a task that meet: the later ones wait, are skipped, or take the place of the earlier. */

import { cancelledAttempts } from './attempt-records.ts';
import { type Claimer, type Due, policyColumns, secondsPerPriority } from './claims.ts';
import type { Queryable } from './database.ts';
import { isNotDeleted } from './task-row.ts';

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
