/** The replicas' leases: who is alive by the database's clock, and what becomes of the runs of those who are not. */

import type { Queryable } from './database.ts';

export type ReplicaState = {
  id: string;
  version: string;
  host: string;
  pid: number;
  running: number;
  tasksLoaded: number;
  duties: string[];
};

/**
 * Renews (or takes) the lease of one replica for `ttlMs` from now by the database's clock, which is the answer, in epoch
 * milliseconds with a fraction.
 */
export async function renewLease(db: Queryable, replica: ReplicaState, ttlMs: number): Promise<number> {
  const { rows } = await db.query<{ now_ms: number }>({
    name: 'renew-lease',
    text: `
      insert into replicas (id, version, host, pid, started_at, heartbeat_at, lease_until, running, tasks_loaded, duties)
      values ($1, $2, $3, $4, clock_timestamp(), clock_timestamp(), clock_timestamp() + $5 * interval '1 millisecond', $6, $7, $8)
      on conflict (id) do update set heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until,
        running = excluded.running, tasks_loaded = excluded.tasks_loaded, duties = excluded.duties
      returning extract(epoch from clock_timestamp())::float8 * 1000 as now_ms`,
    values: [
      replica.id,
      replica.version,
      replica.host,
      replica.pid,
      ttlMs,
      replica.running,
      replica.tasksLoaded,
      replica.duties,
    ],
  });
  const now = rows[0]?.now_ms;
  if (now === undefined) throw new Error('the lease was not written');
  return now;
}

/** Gives the lease up: the replica is dead to the others at once. */
export async function giveUpLease(db: Queryable, id: string): Promise<void> {
  await db.query('delete from replicas where id = $1', [id]);
}

/** Ends every lease, for a store that only one process can have open: whoever held one is dead. */
export async function endReplicas(db: Queryable): Promise<void> {
  await db.query('delete from replicas');
}

/** Forgets replicas that have been dead for an hour. */
export async function forgetDeadReplicas(db: Queryable): Promise<void> {
  await db.query(`delete from replicas where lease_until < clock_timestamp() - interval '1 hour'`);
}

/** A live replica as `GET /cluster` shows it. */
export type LiveReplica = {
  id: string;
  version: string;
  host: string;
  pid: number;
  startedAt: Date;
  heartbeatAt: Date;
  running: number;
  tasksLoaded: number;
  duties: string[];
};

/** Every replica whose lease is running, oldest first. */
export async function listReplicas(db: Queryable): Promise<LiveReplica[]> {
  const { rows } = await db.query<LiveReplica>(`
    select id, version, host, pid, started_at as "startedAt", heartbeat_at as "heartbeatAt", running,
      tasks_loaded as "tasksLoaded", duties
    from replicas where lease_until > clock_timestamp() order by started_at, id`);
  return rows;
}

/** A run taken from a dead replica. */
export type Orphan = {
  runId: string;
  taskId: string;
  owner: string;
  attempt: number;
  status: 'retrying' | 'lost' | 'cancelled';
};

/**
 * Takes at most `limit` running runs whose owner's lease is over: the next attempt is due at once if one is left, else
 * the run is `lost`, or `cancelled` where that had been asked for. Safe to do from several replicas at the same time.
 */
export async function takeOrphans(db: Queryable, limit: number): Promise<Orphan[]> {
  const { rows } = await db.query<{
    id: string;
    task_id: string;
    owner: string;
    attempt: number;
    status: Orphan['status'];
  }>({
    name: 'take-orphans',
    text: `
      with orphan as (
        select r.id, r.attempt < r.max_attempts and not r.cancel_requested as again
        from runs r
        where r.status = 'running'
          and not exists (select from replicas p where p.id = r.owner and p.lease_until > clock_timestamp())
        order by r.id limit $1 for update skip locked
      )
      update runs r set
        status = case when again then 'retrying' when r.cancel_requested then 'cancelled' else 'lost' end::run_status,
        due_at = clock_timestamp(), rank = clock_timestamp() + (r.rank - r.due_at),
        lane = case when again then r.lane end,
        finished_at = case when again then null else clock_timestamp() end,
        error_kind = 'lost', error_message = 'the replica that ran it died',
        reason = case when r.cancel_requested then r.reason else 'replica ' || r.owner || ' stopped renewing its lease' end,
        attempts = coalesce(r.attempts, '[]') || jsonb_build_object('attempt', r.attempt, 'status', 'lost',
          'startedAt', to_char(coalesce(r.started_at, r.created_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          'finishedAt', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          'error', jsonb_build_object('kind', 'lost', 'message', 'the replica that ran it died'), 'httpStatus', null)
      from orphan, tasks t
      where r.id = orphan.id and t.uid = r.task_uid
      returning r.id, t.id as task_id, r.owner, r.attempt, r.status`,
    values: [limit],
  });
  return rows.map((row) => ({
    runId: row.id,
    taskId: row.task_id,
    owner: row.owner,
    attempt: row.attempt,
    status: row.status,
  }));
}
