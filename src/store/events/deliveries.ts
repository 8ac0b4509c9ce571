/** Calls to hooks about events: takes those that are due, and writes down their results. */

import type { EndedRun } from '../../domain/hooks/cloud-event.ts';
import type { ErrorKind, RunStatus, Trigger } from '../../domain/run/run.ts';
import type { EventHook, Hook } from '../../domain/task/policies.ts';
import type { Queryable } from '../postgres/database.ts';

/** A call to make. Instants are epoch milliseconds. */
export type DueDelivery = {
  id: string;
  hook: EventHook;
  /** Null where the task is forgotten. */
  task: { namespace: string; id: string } | null;
  /** The hook of the task as it is now, also of a deleted task; null where it no longer has one. */
  call: Hook | null;
  /** The task's own signing secrets; null where it has none. */
  signing: string | null;
  runId: string | null;
  /** Null where the event is not about a single run, or the run is no longer kept. */
  run: EndedRun | null;
  /** The data of the event besides the run. */
  data: Record<string, unknown> | null;
  /** How often it was tried so far. */
  attempt: number;
  createdAt: number;
  /** The instant from which other replicas may make the call. It is the fence of the write of our result. */
  until: number;
};

/**
 * The result of a call. It is made again at `dueAt`. Where that is null the call is over, and `failure` is the note
 * about a failed one.
 */
export type DeliveryEnd = {
  id: string;
  until: number;
  dueAt: number | null;
  attempt: number;
  failure: Record<string, unknown> | null;
};

/** The time for writing the answer down, beyond the hook's own timeout. */
const margin = `interval '5 seconds'`;

/**
 * Makes a delivery for each hook that hears of these events: of the end of a run those that the event names, of a miss
 * the hook that the task has now. The events are locked until the transaction ends, so that a correction of a miss (see
 * `resolveMiss`) comes either before this or finds the delivery. A delivery about a miss by a change is due later,
 * after the correction.
 */
export async function deliverEvents(db: Queryable, eventIds: readonly number[]): Promise<void> {
  await db.query({
    name: 'deliver-events',
    text: `
      with heard as (select * from events where id = any($1::bigint[]) order by id for share)
      insert into deliveries (event_id, task_uid, run_id, hook, data, due_at, created_at)
      select e.id, e.task_uid, e.run_id, h.hook, case when e.run_id is null then e.data end,
        case when e.run_id is null and e.data ? 'reason' then e.at + ${correctedAfter} else clock_timestamp() end, e.at
      from heard e join tasks t on t.uid = e.task_uid cross join lateral unnest(case
        when e.run_id is not null then array(select jsonb_array_elements_text(e.data -> 'hooks'))
        when t.policies #> '{hooks,onMissed}' is not null then array['onMissed']
      end) as h(hook)
      on conflict do nothing`,
    values: [eventIds],
  });
}

/** The delay of deliveries about a miss by a change. */
const correctedAfter = `interval '2 seconds'`;

/**
 * Takes at most `limit` calls that are due, those that have waited longest first. The database's own clock decides:
 * `now` may be a little behind it, and a delivery that was just inserted must not wait for the next pass.
 */
export async function takeDeliveries(db: Queryable, limit: number, now: number): Promise<DueDelivery[]> {
  const { rows } = await db.query<DeliveryRow>({
    name: 'take-deliveries',
    text: `
      with due as (
        select id from deliveries where due_at <= greatest($2::timestamptz, statement_timestamp())
        order by due_at limit $1 for update skip locked
      ), taken as (
        update deliveries d set due_at = $2::timestamptz + ${margin} + coalesce(
          (select t.policies #>> array['hooks', d.hook, 'timeout'] from tasks t where t.uid = d.task_uid)::interval, '0')
        from due where d.id = due.id
        returning d.*
      )
      select d.id, d.hook, d.run_id, d.data, d.attempt, d.created_at, d.due_at as until, t.namespace, t.id as task_id,
        t.policies #> array['hooks', d.hook] as call, t.policies #>> '{signing,secret}' as signing, r.status, r.trigger, r.scheduled_for, r.started_at, r.finished_at,
        r.attempt as run_attempt, r.http_status, r.output, r.truncated, r.error_kind, r.error_message
      from taken d left join tasks t on t.uid = d.task_uid left join runs r on r.id = d.run_id`,
    values: [limit, new Date(now).toISOString()],
  });
  return rows.map((row) => ({
    id: row.id,
    hook: row.hook,
    task: row.namespace !== null && row.task_id !== null ? { namespace: row.namespace, id: row.task_id } : null,
    call: row.call,
    signing: row.signing,
    runId: row.run_id,
    run: runOf(row),
    data: row.data,
    attempt: row.attempt,
    createdAt: row.created_at.getTime(),
    until: row.until.getTime(),
  }));
}

/**
 * Writes down the results of calls. A call that another replica has taken meanwhile is left to that replica, unless it
 * was delivered here: then it is removed. A failure becomes an event of the task.
 */
export async function endDeliveries(db: Queryable, ends: readonly DeliveryEnd[], now: number): Promise<void> {
  const sorted = [...ends].sort((a, b) => (a.id < b.id ? -1 : 1));
  await db.query({
    name: 'end-deliveries',
    text: `
      with given as (
        select * from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::smallint[], $5::jsonb[])
          as g(id, until, next_at, attempt, failure)
      ), later as (
        update deliveries d set due_at = g.next_at, attempt = g.attempt
        from given g where d.id = g.id and d.due_at = g.until and g.next_at is not null
      ), gone as (
        delete from deliveries d using given g
        where d.id = g.id and g.next_at is null and (g.failure is null or d.due_at = g.until)
        returning d.task_uid, g.failure
      )
      insert into events (namespace, task_uid, type, at, actor, data)
      select t.namespace, t.uid, 'hook_failed', $6, 'scheduler', failure
      from gone join tasks t on t.uid = gone.task_uid where failure is not null`,
    values: [
      sorted.map((end) => end.id),
      sorted.map((end) => new Date(end.until).toISOString()),
      sorted.map((end) => (end.dueAt === null ? null : new Date(end.dueAt).toISOString())),
      sorted.map((end) => end.attempt),
      sorted.map((end) => end.failure && JSON.stringify(end.failure)),
      new Date(now).toISOString(),
    ],
  });
}

type DeliveryRow = {
  id: string;
  hook: EventHook;
  namespace: string | null;
  task_id: string | null;
  call: Hook | null;
  signing: string | null;
  run_id: string | null;
  data: Record<string, unknown> | null;
  attempt: number;
  created_at: Date;
  until: Date;
  /** Null, as all the rest, without a run. */
  status: RunStatus | null;
  trigger: Trigger;
  scheduled_for: Date;
  started_at: Date | null;
  finished_at: Date | null;
  run_attempt: number;
  http_status: number | null;
  output: string | null;
  truncated: boolean | null;
  error_kind: ErrorKind | null;
  error_message: string | null;
};

function runOf(row: DeliveryRow): EndedRun | null {
  if (row.run_id === null || row.status === null) return null;
  return {
    id: row.run_id,
    status: row.status,
    trigger: row.trigger,
    scheduledFor: row.scheduled_for.getTime(),
    startedAt: row.started_at?.getTime() ?? null,
    finishedAt: row.finished_at?.getTime() ?? null,
    attempt: row.run_attempt,
    httpStatus: row.http_status,
    output: row.output,
    truncated: row.truncated ?? false,
    error: row.error_kind && { kind: row.error_kind, message: row.error_message ?? '' },
  };
}
