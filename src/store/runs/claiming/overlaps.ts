/** Overlapping runs of a task: the later ones wait, are skipped, or replace the earlier ones. */

import type { RunStatus } from '../../../domain/run/run.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { Row } from '../../rows.ts';
import type { runs as runTable } from '../../schema.ts';
import { isNotDeleted } from '../../tasks/row.ts';
import { giveWay, hasAttempt, insertRuns, newRun, skippedAtOnce, updateRuns, waits } from '../transitions.ts';
import { type Claimer, type Due, policyColumns } from './claims.ts';

/** How many runs were replaced: skipped before they began, cancelled, or marked for their replica to abort. */
export type Replaced = { skipped: number; cancelled: number; aborting: number };

/** The reason that a replaced run gets. */
const replacedReason = 'replaced by a later run';

/**
 * Makes way for runs of tasks with `replace` that do not exist yet: every other run that waits is skipped or cancelled,
 * one that runs is marked for its replica to abort. An occurrence replaces only earlier runs. With `isLatest` the run
 * comes after all that exist. The tasks' rows have to be held by the transaction (`holdReplacing`).
 */
export async function makeWay(
  db: Queryable,
  runs: readonly { runId: string; uid: number }[],
  now: number,
  isLatest = false,
): Promise<Replaced> {
  // It is one update with cases, so that a run which is taken meanwhile is treated as running.
  const { rows } = await db.query<Row<typeof runTable, 'status'>>({
    name: 'make-way',
    text: `
      ${updateRuns(giveWay(`'${replacedReason}'`, '$3::timestamptz'))}
      from unnest($1::bigint[], $2::uuid[]) as c(uid, run_id)
      where r.task_uid = c.uid and r.id <> c.run_id and ($4 or r.id < c.run_id) and r.overlap_slot < 2
        and r.status in ('pending', 'retrying', 'running') and not (r.cancel_requested and ${hasAttempt})
        and not exists (select from runs where id = c.run_id)
      returning r.status`,
    values: [runs.map(({ uid }) => uid), runs.map(({ runId }) => runId), new Date(now).toISOString(), isLatest],
  });
  const count = (status: RunStatus) => rows.filter((row) => row.status === status).length;
  return { skipped: count('skipped'), cancelled: count('cancelled'), aborting: count('running') };
}

/**
 * Rejects, as the unique index on overlap slots does, when a run of the task began after the others had made way for
 * `runId`: a claim does not lock the task. The run would wait for it instead of replacing it. To be called after the run
 * is inserted.
 */
export async function refuseOvertaken(db: Queryable, uid: number, runId: string): Promise<void> {
  const { rowCount } = await db.query({
    name: 'refuse-overtaken',
    text: `
      select from runs r where r.task_uid = $1 and r.id <> $2 and r.overlap_slot = 0 and not r.cancel_requested`,
    values: [uid, runId],
  });
  if (rowCount === 0) return;
  const conflict = { code: '23505', constraint: 'runs_overlap_slot' };
  throw Object.assign(new Error('another run of the task began at the same time'), conflict);
}

/** Locks the rows of tasks: of two runs that replace each other one comes first, and the other sees it. */
export async function holdReplacing(db: Queryable, uids: readonly number[]): Promise<void> {
  await db.query({
    name: 'hold-replacing',
    text: 'select from tasks where uid = any($1::bigint[]) order by uid for no key update',
    values: [uids],
  });
}

/**
 * Decides about occurrences that were due while another run of their task was live; `replaces` says which of them
 * belong to tasks with `replace`, which make way first. To be called in a transaction where there are such.
 */
export async function meetOverlaps(
  db: Queryable,
  due: readonly Due[],
  replaces: (due: Due) => boolean,
  claimer: Claimer,
): Promise<{ replaced: Replaced; queued: string[]; skipped: string[] }> {
  const replacing = due.filter(replaces);
  let replaced: Replaced = { skipped: 0, cancelled: 0, aborting: 0 };
  if (replacing.length > 0) {
    await holdReplacing(
      db,
      replacing.map(({ uid }) => uid),
    );
    replaced = await makeWay(db, replacing, claimer.now);
  }
  return { replaced, ...(await recordOverlaps(db, due, claimer)) };
}

const late = newRun({
  id: 'run_id',
  trigger: '$5::run_trigger',
  scheduledFor: 'scheduled_for',
  dueAt: 'scheduled_for',
  now: '$6::timestamptz',
});

const overlapReason = `case when outdated then '${replacedReason}' else 'overlap' end`;

/**
 * Writes down the occurrences that were due while their task's run was still live: under `queue` and `replace` one
 * waits behind it, which counts for the task's `maxRuns`; every other is `skipped`, as is one that a later run has
 * replaced. Does nothing for an occurrence that already has its run. Gives back the ids of the runs that were written.
 */
export async function recordOverlaps(
  db: Queryable,
  due: readonly Due[],
  claimer: Claimer,
): Promise<{ queued: string[]; skipped: string[] }> {
  const { rows } = await db.query<Row<typeof runTable, 'id'> & { is_queued: boolean }>({
    name: 'record-overlaps',
    text: `
      with locked as materialized (
        -- Two replicas cannot spend the same remainder, and nobody sees it spent before it is.
        select uid, max_runs > claimed as has_left from tasks
        where uid = any($2::bigint[]) and max_runs is not null order by uid for update
      ), late as (
        select d.run_id, d.scheduled_for, t.uid, t.overlap, t.priority, t.retry, ${policyColumns},
          t.overlap = 'replace' and exists (
            select from runs later where later.task_uid = t.uid and later.overlap_slot < 2 and later.id > d.run_id
          ) as outdated
        from unnest($1::uuid[], $2::bigint[], $3::integer[], $4::timestamptz[]) as d(run_id, uid, schedule_version, scheduled_for)
        join tasks t on t.uid = d.uid and t.schedule_version = d.schedule_version and ${isNotDeleted}
        where not exists (select from runs where id = d.run_id)
          and (t.max_runs is null or (select has_left from locked where uid = t.uid))
      ), queued as (
        ${insertRuns({ ...late, ...waits('1', '$6::timestamptz') }, 'distinct on (uid)')}
        from late where overlap = 'queue' or overlap = 'replace' and not outdated order by uid, scheduled_for
        on conflict do nothing
        returning id, task_uid
      ), counted as (
        update tasks t set claimed = t.claimed + 1 from queued q where t.uid = q.task_uid and t.max_runs is not null
      ), skipped as (
        ${insertRuns({ ...late, ...skippedAtOnce(overlapReason, '$6::timestamptz') })}
        from late where run_id not in (select id from queued) order by run_id
        on conflict do nothing
        returning id
      )
      select id, true as is_queued from queued union all select id, false from skipped`,
    values: [
      due.map((item) => item.runId),
      due.map((item) => item.uid),
      due.map((item) => item.scheduleVersion),
      due.map((item) => new Date(item.scheduledFor).toISOString()),
      claimer.trigger,
      new Date(claimer.now).toISOString(),
    ],
  });
  const idsOf = (isQueued: boolean) => rows.filter((row) => row.is_queued === isQueued).map((row) => row.id);
  return { queued: idsOf(true), skipped: idsOf(false) };
}
