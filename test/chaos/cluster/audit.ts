/** Has the database itself note every write to a run and every renewal of a lease, and reads it all at the end. */

import type { AuditRecord, LeaseRecord, MissRow, RunRow, TaskRow } from '../history.ts';
import type { Cluster } from './cluster.ts';

type Query = Cluster['query'];

/** Triggers write in the transaction that they watch: what is noted happened, and nothing else did. */
export async function installAudit(query: Query): Promise<void> {
  await query(`
    create schema chaos;
    create table chaos.audit (seq bigserial primary key, at timestamptz not null, run_id uuid, uid bigint, before text, after text,
      before_attempt smallint, attempt smallint, owner uuid, error text, reason text, changed boolean not null);
    create index on chaos.audit (run_id);
    create table chaos.leases (at timestamptz not null, owner uuid not null, pid integer not null, until timestamptz not null);
    create function chaos.note_run() returns trigger language plpgsql as $$ begin
      insert into chaos.audit (at, run_id, uid, before, after, before_attempt, attempt, owner, error, reason, changed) values (clock_timestamp(),
        new.id, new.task_uid, case when tg_op = 'UPDATE' then old.status::text end, new.status::text,
        case when tg_op = 'UPDATE' then old.attempt end, new.attempt, new.owner, new.error_kind::text, new.reason,
        tg_op = 'INSERT' or (old.status, old.attempt, old.owner, old.finished_at, old.output, old.error_kind)
          is distinct from (new.status, new.attempt, new.owner, new.finished_at, new.output, new.error_kind));
      return null; end $$;
    create trigger chaos_note after insert or update on runs for each row execute function chaos.note_run();
    -- A run that its own transaction takes back was never there.
    create function chaos.forget_run() returns trigger language plpgsql as $$ begin
      delete from chaos.audit where run_id = old.id and xmin = pg_current_xact_id()::xid;
      return null; end $$;
    create trigger chaos_forget after delete on runs for each row execute function chaos.forget_run();
    create function chaos.note_lease() returns trigger language plpgsql as $$ begin
      insert into chaos.leases values (clock_timestamp(), new.id, new.pid, new.lease_until);
      return null; end $$;
    create trigger chaos_note after insert or update on replicas for each row execute function chaos.note_lease();
    create function chaos.note_end() returns trigger language plpgsql as $$ begin
      insert into chaos.leases values (clock_timestamp(), old.id, old.pid, least(old.lease_until, clock_timestamp()));
      return null; end $$;
    create trigger chaos_note_end after delete on replicas for each row execute function chaos.note_end()`);
}

const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;

export async function readAudit(query: Query): Promise<{ audit: AuditRecord[]; leases: LeaseRecord[] }> {
  const audit = await query<AuditRecord>(
    `select seq::float8, ${ms('at')} as at, run_id as "runId", uid::float8, before, after, before_attempt as "beforeAttempt", attempt,
       owner, error, reason, changed from chaos.audit order by seq`,
  );
  const leases = await query<LeaseRecord>(
    `select ${ms('at')} as at, owner, pid, ${ms('until')} as until from chaos.leases order by at`,
  );
  return { audit, leases };
}

export async function readTables(
  query: Query,
): Promise<{ tasks: TaskRow[]; runs: RunRow[]; misses: MissRow[]; liveOwners: string[] }> {
  const tasks = await query<TaskRow>(
    `select uid::float8, id, labels->>'incarnation' as incarnation, status, ${ms('deleted_at')} as "deletedAt" from tasks`,
  );
  const runs = await query<RunRow>(
    `select id, task_uid::float8 as uid, trigger, status, ${ms('scheduled_for')} as "scheduledFor", owner, attempt,
       max_attempts as "maxAttempts", ${ms('created_at')} as "createdAt", ${ms('started_at')} as "startedAt",
       ${ms('finished_at')} as "finishedAt", reason, attempts from runs`,
  );
  const events = await query<{
    uid: number;
    at: number;
    changes: { from: string; to: string; count: number; exact?: boolean; reason?: string };
  }>(`select task_uid::float8 as uid, ${ms('at')} as at, data as changes from events where type = 'missed'`);
  const misses = events.map(({ uid, at, changes }) => ({
    ...{ uid, at, from: Date.parse(changes.from), to: Date.parse(changes.to), count: changes.count },
    exact: changes.exact !== false,
    cut: changes.reason !== undefined,
  }));
  const owners = await query<{ id: string }>('select id from replicas where lease_until > clock_timestamp()');
  return { tasks, runs, misses, liveOwners: owners.map(({ id }) => id) };
}
