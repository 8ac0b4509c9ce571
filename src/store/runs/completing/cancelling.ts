/** Cancelling runs: one by its id, those of a task, and those that a change has left without an occurrence. */

import { isOver } from '../../../domain/run/run.ts';
import { instantOfRunId } from '../../../domain/schedule/occurrence.ts';
import type { Author } from '../../events/events.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { Row } from '../../rows.ts';
import type { runs } from '../../schema.ts';
import { cancel, cancelWaiting, updateRuns } from '../transitions.ts';

/** The result of `cancelRun`: cancelled at once, asked of the replica that makes the attempt, or over already. */
export type CancelAnswer = { result: 'cancelled' | 'asked' | 'over'; owner: string | null } | null;

/** A stop cancels no runs of a task that has been started again meanwhile. */
const isNotActive = `not exists (select from tasks where uid = $1 and status = 'active' and deleted_at is null)`;

/** Cancels a waiting run, or marks a running one for its replica to abort. Null when there is no such run. */
export async function cancelRun(db: Queryable, id: string, author: Author, now: number): Promise<CancelAnswer> {
  const { rows } = await db.query<Row<typeof runs, 'status' | 'owner'>>({
    name: 'cancel-run',
    text: `
      with asked as (
        ${updateRuns({ ...cancel('$2', '$3::timestamptz'), cancel_requested: 'true' })}
        where r.id = $1 and r.status in ('pending', 'retrying', 'running')
        returning r.id, r.task_uid, r.status, r.owner
      ), noted as (
        insert into events (namespace, task_uid, type, at, actor, request_id, data, via, address)
        select t.namespace, t.uid, 'run_cancelled', $3, $4, $5, jsonb_build_object('runId', asked.id), $6, $7
        from asked join tasks t on t.uid = asked.task_uid
      )
      select status, owner from asked`,
    values: [
      id,
      `cancelled by ${author.actor}`,
      new Date(now).toISOString(),
      author.actor,
      author.requestId,
      author.via,
      author.address,
    ],
  });
  const row = rows[0];
  if (row) return { result: row.status === 'running' ? 'asked' : 'cancelled', owner: row.owner };
  const { rows: found } = await db.query<Row<typeof runs, 'status'>>('select status from runs where id = $1', [id]);
  return found[0] && isOver(found[0].status) ? { result: 'over', owner: null } : null;
}

/**
 * Cancels the waiting runs of a task that is stopped or deleted and, with `all`, marks its running ones for their
 * replicas to abort. Gives back how many are cancelled, and how many still run.
 */
export async function cancelRunsOf(
  db: Queryable,
  uid: number,
  which: 'pending' | 'all',
  reason: string,
  now: number,
): Promise<{ cancelled: number; aborting: number }> {
  const at = new Date(now).toISOString();
  const { rowCount } = await db.query({
    name: 'cancel-waiting-of',
    text: `
      ${updateRuns(cancelWaiting('$2', '$3'))}
      where task_uid = $1 and status in ('pending', 'retrying') and ${isNotActive}`,
    values: [uid, reason, at],
  });
  const waiting = rowCount ?? 0;
  if (which === 'pending') return { cancelled: waiting, aborting: 0 };
  const { rows } = await db.query<Row<typeof runs, 'status'>>({
    name: 'cancel-running-of',
    text: `
      ${updateRuns(cancel('$2', '$3::timestamptz'))}
      where r.task_uid = $1 and r.status = 'running' and ${isNotActive}
      returning r.status`,
    values: [uid, reason, at],
  });
  const aborting = rows.filter(({ status }) => status === 'running').length;
  return { cancelled: waiting + rows.length - aborting, aborting };
}

/**
 * Cancels the waiting runs of the deleted tasks of a namespace and, with `all`, marks their running ones for their
 * replicas to abort. Gives back how many are cancelled, and how many are under way.
 */
export async function cancelRunsIn(
  db: Queryable,
  namespace: string,
  which: 'pending' | 'all',
  now: number,
): Promise<{ cancelled: number; running: number }> {
  const { rows } = await db.query<Row<typeof runs, 'status'>>({
    name: `cancel-${which}-in`,
    text: `
      ${updateRuns(cancel(`'namespace deleted'`, '$2::timestamptz'))}
      from tasks t where t.uid = r.task_uid and t.namespace = $1 and t.deleted_at is not null
        and r.status in ('pending', 'retrying'${which === 'all' ? ", 'running'" : ''})
      returning r.status`,
    values: [namespace, new Date(now).toISOString()],
  });
  const { rows: left } = await db.query<{ running: number }>({
    name: 'running-in',
    text: `
      select count(*)::integer as running from tasks t join runs r on r.task_uid = t.uid
      where t.namespace = $1 and r.status in ('pending', 'retrying', 'running')`,
    values: [namespace],
  });
  return { cancelled: rows.filter(({ status }) => status === 'cancelled').length, running: left[0]?.running ?? 0 };
}

/**
 * Cancels the waiting runs of a task's occurrences that never began and, by `isDue` of their instants, are none any
 * more. Gives back how many.
 */
export async function cancelOutdated(
  db: Queryable,
  uid: number,
  isDue: (instant: number) => Promise<boolean>,
  now: number,
): Promise<number> {
  const waiting = `status = 'pending' and attempt = 0
    and (trigger in ('schedule', 'catch_up') or trigger = 'retry' and created_at > scheduled_for)`;
  const { rows } = await db.query<Row<typeof runs, 'id'>>({
    name: 'waiting-of',
    text: `select id from runs where task_uid = $1 and ${waiting}`,
    values: [uid],
  });
  const outdated: string[] = [];
  for (const { id } of rows) if (!(await isDue(instantOfRunId(id)))) outdated.push(id);
  if (outdated.length === 0) return 0;
  const { rowCount } = await db.query({
    name: 'cancel-outdated',
    text: `
      ${updateRuns(cancelWaiting(`'task changed'`, '$2'))}
      where id = any($1::uuid[]) and ${waiting}`,
    values: [outdated, new Date(now).toISOString()],
  });
  return rowCount ?? 0;
}

/** Which of its running runs a replica was asked to abort. */
export async function cancelRequests(
  db: Queryable,
  owner: string,
): Promise<{ runId: string; reason: string | null }[]> {
  const { rows } = await db.query<Row<typeof runs, 'id' | 'reason'>>({
    name: 'cancel-requests',
    text: `select id, reason from runs where status = 'running' and owner = $1 and cancel_requested`,
    values: [owner],
  });
  return rows.map((row) => ({ runId: row.id, reason: row.reason }));
}
