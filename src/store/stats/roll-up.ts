/**
 * The roll-up: counts runs that are over and misses, each once, by the minute that they were scheduled for.
 *
 *     ── counted, but for the open ones ──┤ counted_to ── this pass ──┤ bound ── may still get runs ──▶ run ids
 *
 * A pass is one transaction that holds the row of the state: replicas take turns, and one that dies has counted
 * nothing. It reads runs by their key range. A live run is noted as open, and counted by the pass that finds it over.
 *
 * No run gets behind `counted_to` unseen. The trigger `runs_late` notes a run as open that is inserted more than ten
 * seconds after its instant. Any other has an instant later than ten seconds before its insertion. The bound lies as
 * much before the beginning of the oldest transaction that writes, so it has not passed a run that is not yet visible.
 * Retention deletes only what is counted (`isCounted`).
 */

import { leastRunId } from '../../domain/schedule/occurrence.ts';
import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import { isNewSince } from '../postgres/snapshots.ts';
import type { Row } from '../rows.ts';
import type { runs } from '../schema.ts';
import { bucketBetween, entry } from './histograms.ts';
import type { statsState } from './schema.ts';

export type PassLimits = {
  /** So many runs of new key ranges are read at most. */
  runs: number;
  /** How far the pass stays behind the database's clock, in milliseconds: at least the ten seconds of the trigger. */
  behindMs: number;
  /** Nothing is done so many milliseconds after the last pass, of any replica. */
  restMs: number;
};

/** Others wait for a replica that froze in a pass no longer than this. */
const mostIdleMs = 2_000;
const missesAtOnce = 5_000;

const isLive = (run: string) => `${run}.status in ('pending', 'running', 'retrying')`;

/** SQL of the condition that retention may delete the run: it is over, and counted if it ever is. */
export const isCounted = (run: string) => `
  ${run}.id < (select counted_to from stats_state)
  and not exists (select from stats_open_runs open where open.run_id = ${run}.id)`;

type Held = Row<typeof statsState, 'counted_to' | 'events_seen' | 'pass'> & { bound: number };

/** Finds the bound before the snapshot that counts: what is inserted in between is behind the bound, or noted. */
const holdText = `
  select counted_to, events_seen::text, pass, (select extract(epoch from least(
      clock_timestamp() - $1 * interval '1 millisecond', min(xact_start) - interval '10 seconds')) * 1000
    from pg_stat_activity
    where datname = current_database() and backend_xid is not null and pid <> pg_backend_pid())::float8 as bound
  from stats_state where passed_at <= clock_timestamp() - $2 * interval '1 millisecond' for update skip locked`;

const totalOf = (kind: number, bucket: string) => `
  select namespace, at, status, ${kind}, ${bucket}, count(*) from ended where ${bucket} is not null group by 1, 2, 3, 5`;

const countText = `
  with page as materialized (
    select id, namespace, task_uid, status, scheduled_for, started_at, finished_at from runs where id >= $1 and id < $2
  ), noted as (
    insert into stats_open_runs (run_id) select id from page where ${isLive('page')} on conflict do nothing
  ), closed as (
    delete from stats_open_runs o using runs r
    where o.run_id < $2 and r.id = o.run_id and not ${isLive('r')}
    returning r.id, r.namespace, r.task_uid, r.status, r.scheduled_for, r.started_at, r.finished_at
  ), gone as (
    delete from stats_open_runs o where o.run_id < $2 and not exists (select from runs r where r.id = o.run_id)
  ), ended as materialized (
    select namespace, date_trunc('minute', scheduled_for, 'UTC') as at, task_uid, status::text as status,
      ${bucketBetween('scheduled_for', 'started_at')} as late, ${bucketBetween('started_at', 'finished_at')} as took
    from (select * from page where not ${isLive('page')} union all select * from closed where id < $1) over
  ), totals (namespace, at, status, kind, bucket, n) as (
    select namespace, at, status, 0, 0, count(*) from ended group by 1, 2, 3
    union all ${totalOf(1, 'late')}
    union all ${totalOf(2, 'took')}
  )
  insert into stats_minutes (namespace, at, task_uid, status, pass, runs, lateness, duration)
  select namespace, at, task_uid, status, $3::bigint, count(*),
    array_agg(${entry('1', 'late')}) filter (where late is not null),
    array_agg(${entry('1', 'took')}) filter (where took is not null)
  from ended group by 1, 2, 3, 4
  union all
  select namespace, at, 0, status, $3, sum(n) filter (where kind = 0),
    array_agg(${entry('n', 'bucket')}) filter (where kind = 1), array_agg(${entry('n', 'bucket')}) filter (where kind = 2)
  from totals group by 1, 2, 4`;

/** Misses of a stretch count at its last occurrence. */
const countMissesText = `
  with counted as (
    delete from stats_open_misses m using events e
    where e.id = m.event_id and not exists (select from unconfirmed_misses u where u.event_id = m.event_id)
      and m.event_id in (select event_id from stats_open_misses order by event_id limit ${missesAtOnce})
    returning e.namespace, e.task_uid, date_trunc('minute', (e.data ->> 'to')::timestamptz, 'UTC') as at,
      (e.data ->> 'count')::bigint as count
  ), gone as (
    delete from stats_open_misses m where not exists (select from events e where e.id = m.event_id)
  )
  insert into stats_minutes (namespace, at, task_uid, status, pass, runs)
  select namespace, at, coalesce(task_uid, 0), 'missed', $1::bigint, sum(count) from counted
  group by grouping sets ((namespace, at, task_uid), (namespace, at))`;

/**
 * Counts what has ended since the last pass. Null where another replica is at it, or was just now. Otherwise `more` says that further
 * runs wait for a pass of their own.
 */
export function rollUp(database: Database, limits: PassLimits): Promise<{ more: boolean } | null> {
  return inTransaction(
    database,
    async (db) => {
      const { rows } = await db.query<Held>({
        name: 'hold-stats',
        text: holdText,
        values: [limits.behindMs, limits.restMs],
      });
      const [state] = rows;
      if (state === undefined) return null;
      const from = state.counted_to;
      const bound = leastRunId(Math.floor(state.bound));
      const isAhead = bound > from;
      const full = isAhead ? await endOfPage(db, from, bound, limits.runs) : null;
      const to = full ?? (isAhead ? bound : from);
      const pass = Number(state.pass) + 1;
      await db.query({ name: 'count-runs', text: countText, values: [from, to, pass] });
      await db.query({
        name: 'note-counted',
        text: `
          with missed as (
            insert into stats_open_misses select id from events
            where type = 'missed' and ${isNewSince('written_in', '$1::pg_snapshot')} on conflict do nothing
          )
          update stats_state set counted_to = $2, pass = $3, passed_at = clock_timestamp(), events_seen = pg_current_snapshot()`,
        values: [state.events_seen, to, pass],
      });
      await db.query({ name: 'count-misses', text: countMissesText, values: [pass] });
      return { more: full !== null };
    },
    mostIdleMs,
  );
}

/** The id of the first run beyond a full page; null where the page is not full. */
async function endOfPage(db: Queryable, from: string, bound: string, limit: number): Promise<string | null> {
  const { rows } = await db.query<Row<typeof runs, 'id'>>({
    name: 'stats-page-end',
    text: 'select id from runs where id >= $1 and id < $2 order by id offset $3 limit 1',
    values: [from, bound, limit],
  });
  return rows[0]?.id ?? null;
}
