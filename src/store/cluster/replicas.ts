/** The replicas' leases: which replicas are alive by the database's clock. */

import type { Queryable } from '../postgres/database.ts';
import type { replicas } from '../schema.ts';

export type ReplicaState = {
  id: string;
  version: string;
  /** The version of its time zone data, such as 2025c; null where it is not known. */
  tz: string | null;
  host: string;
  pid: number;
  running: number;
  tasksLoaded: number;
  /** Whether it claims due occurrences. */
  firing: boolean;
  /** The circuits that are not closed there. */
  breakers: readonly object[];
};

/** Another live replica; it claims due occurrences only where it fires tasks. */
export type Peer = Pick<ReplicaState, 'id' | 'tz' | 'firing'>;

/**
 * Renews (or takes) the lease of one replica for `ttlMs` from now by the database's clock, which is the answer, in
 * epoch milliseconds with a fraction, with all other live replicas.
 */
export async function renewLease(
  db: Queryable,
  replica: ReplicaState,
  ttlMs: number,
): Promise<{ nowMs: number; peers: Peer[] }> {
  const { rows } = await db.query<{ now_ms: number; peers: Peer[] }>({
    name: 'renew-lease',
    text: `
      insert into replicas (id, version, host, pid, started_at, heartbeat_at, lease_until, running, tasks_loaded, firing, breakers, tz)
      values ($1, $2, $3, $4, clock_timestamp(), clock_timestamp(), clock_timestamp() + $5 * interval '1 millisecond', $6, $7, $8, $9, $10)
      on conflict (id) do update set heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until,
        running = excluded.running, tasks_loaded = excluded.tasks_loaded, firing = excluded.firing, breakers = excluded.breakers
      returning extract(epoch from clock_timestamp())::float8 * 1000 as now_ms,
        coalesce((select jsonb_agg(jsonb_build_object('id', p.id, 'tz', p.tz, 'firing', p.firing))
          from replicas p where p.lease_until > clock_timestamp() and p.id <> $1), '[]') as peers`,
    values: [
      replica.id,
      replica.version,
      replica.host,
      replica.pid,
      ttlMs,
      replica.running,
      replica.tasksLoaded,
      replica.firing,
      JSON.stringify(replica.breakers),
      replica.tz,
    ],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('the lease was not written');
  return { nowMs: row.now_ms, peers: row.peers };
}

/** The latest time of the database's clock that the tables hold, in epoch milliseconds; null where they hold none. */
export async function lastKnownTime(db: Queryable): Promise<number | null> {
  const { rows } = await db.query<{ known: number | null }>({
    name: 'last-known-time',
    text: `
      select extract(epoch from greatest((select max(heartbeat_at) from replicas), (select max(watermark) from cluster)))::float8
        * 1000 as known`,
  });
  return rows[0]?.known ?? null;
}

/** Gives the lease up: the replica is dead to the others at once. */
export async function giveUpLease(db: Queryable, id: string): Promise<void> {
  await db.query('delete from replicas where id = $1', [id]);
}

/** Ends every lease, for a store that only one process can have open: each holder is dead. */
export async function endReplicas(db: Queryable): Promise<void> {
  await db.query('delete from replicas');
}

/**
 * Forgets replicas that have been dead for an hour at `now` (epoch milliseconds by the database's clock, as the caller
 * knows it: a jump of that clock must not delete live replicas).
 */
export async function forgetDeadReplicas(db: Queryable, now: number): Promise<void> {
  await db.query(`delete from replicas where lease_until < $1::timestamptz - interval '1 hour'`, [
    new Date(now).toISOString(),
  ]);
}

/** A live replica as `GET /cluster` shows it. */
export type LiveReplica = Pick<
  typeof replicas.$inferSelect,
  'id' | 'version' | 'tz' | 'host' | 'pid' | 'startedAt' | 'heartbeatAt' | 'running' | 'tasksLoaded'
> & { duties: string[]; breakers: object[] };

/** Every replica whose lease is running, oldest first. The one that swept last has the duty `sweep`. */
export async function listReplicas(db: Queryable): Promise<LiveReplica[]> {
  const { rows } = await db.query<LiveReplica>(`
    select id, version, tz, host, pid, started_at as "startedAt", heartbeat_at as "heartbeatAt", running,
      tasks_loaded as "tasksLoaded",
      case when id = (select swept_by from cluster) then array['sweep'] else '{}' end as duties, breakers
    from replicas where lease_until > clock_timestamp() order by started_at, id`);
  return rows;
}
