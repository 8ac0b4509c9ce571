/** Running runs that nobody carries out any more: found, and taken up with their next attempt or given up for lost. */

import type { Queryable } from '../postgres/database.ts';

/** A run that was taken away from its owner. */
export type RescuedRun = {
  runId: string;
  taskId: string;
  owner: string;
  attempt: number;
  status: 'retrying' | 'lost' | 'cancelled';
};

/**
 * The attempts that a process carries out. One that somebody else holds needs none: it ends by its own deadline
 * (`endSilent`), whoever its owner was.
 */
const inProcess = `r.status = 'running' and r.heartbeat_due is null`;

/**
 * A replica that has a lease, as of $1. A heartbeat that lies in the future was written before the database's clock
 * went back: the lease that came with it would seem to last for as long as it went back.
 */
const isAlive = `p.lease_until > $1::timestamptz and p.heartbeat_at < $1::timestamptz + interval '1 minute'`;

/**
 * Ends the attempts of the runs that `stuckRun` (id, message, reason) selects, in the order in which it locked them.
 */
const takeText = (stuckRun: string) => `
  with orphan as (${stuckRun})
  update runs r set
    status = case when again then 'retrying' when r.cancel_requested then 'cancelled' else 'lost' end::run_status,
    due_at = $1, effective_due_at = $1::timestamptz + (r.effective_due_at - r.due_at), overlap_slot = case when again then r.overlap_slot end,
    finished_at = case when again then null else $1::timestamptz end, error_kind = 'lost', error_message = message,
    reason = case when r.cancel_requested then r.reason else why end,
    attempts = coalesce(r.attempts, '[]') || jsonb_build_object('attempt', r.attempt, 'status', 'lost',
      'startedAt', to_char(coalesce(r.started_at, r.created_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'finishedAt', to_char($1::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'error', jsonb_build_object('kind', 'lost', 'message', message), 'httpStatus', null)
  from orphan, tasks t
  where r.id = orphan.id and t.uid = r.task_uid
  returning r.id, t.id as task_id, r.owner, r.attempt, r.status`;

const again = 'r.attempt < r.max_attempts and not r.cancel_requested as again';

type RescuedRow = { id: string; task_id: string; owner: string; attempt: number; status: RescuedRun['status'] };

const rescuedRunOf = ({ id, task_id, owner, attempt, status }: RescuedRow): RescuedRun => ({
  runId: id,
  taskId: task_id,
  owner,
  attempt,
  status,
});

/**
 * Takes at most `limit` running runs whose owner's lease is over at `now` (epoch milliseconds by the database's clock,
 * as the caller knows it: after a jump of that clock every lease would seem to be over): the next attempt is due at
 * once if one is left, else the run is `lost`, or `cancelled` where that had been asked for. Safe to do from several
 * replicas at the same time.
 */
export async function rescueRunsOfDead(db: Queryable, limit: number, now: number): Promise<RescuedRun[]> {
  const { rows } = await db.query<RescuedRow>({
    name: 'rescue-runs-of-dead',
    text: takeText(`
      select r.id, ${again}, 'the replica that ran it died' as message,
        'replica ' || r.owner || ' stopped renewing its lease' as why
      from runs r
      where ${inProcess} and not exists (select from replicas p where p.id = r.owner and ${isAlive})
      order by r.id limit $2 for update skip locked`),
    values: [new Date(now).toISOString(), limit],
  });
  return rows.map(rescuedRunOf);
}

/** An attempt that the database holds for ours. */
export type HeldAttempt = { runId: string; attempt: number };

/** Every attempt that `owner` has under way by the database's word. */
export async function attemptsOf(db: Queryable, owner: string): Promise<HeldAttempt[]> {
  const { rows } = await db.query<{ id: string; attempt: number }>({
    name: 'attempts-of',
    text: `select r.id, r.attempt from runs r where ${inProcess} and r.owner = $1`,
    values: [owner],
  });
  return rows.map(({ id, attempt }) => ({ runId: id, attempt }));
}

/** Takes those of the given attempts that `owner` still has, with the same ends as `rescueRunsOfDead`. */
export async function rescueStuckRuns(
  db: Queryable,
  owner: string,
  stuckRuns: readonly HeldAttempt[],
  now: number,
): Promise<RescuedRun[]> {
  const { rows } = await db.query<RescuedRow>({
    name: 'rescue-stuck-runs',
    text: takeText(`
      select r.id, ${again}, 'its replica does not know of the attempt' as message,
        'replica ' || r.owner || ' was not told that it had taken the run' as why
      from runs r join unnest($3::uuid[], $4::smallint[]) as s(id, attempt) on s.id = r.id and s.attempt = r.attempt
      where ${inProcess} and r.owner = $2
      order by r.id for update of r skip locked`),
    values: [
      new Date(now).toISOString(),
      owner,
      stuckRuns.map(({ runId }) => runId),
      stuckRuns.map(({ attempt }) => attempt),
    ],
  });
  return rows.map(rescuedRunOf);
}
