/** The feed of tasks: all active ones at boot, afterwards every committed change. */

import type { Misfire } from '../../domain/schedule/misfire.ts';
import type { Schedule } from '../../domain/schedule/schedule.ts';
import type { Queryable } from '../postgres/database.ts';
import { isNewSince } from '../postgres/snapshots.ts';
import type { Row } from '../rows.ts';
import type { tasks } from '../schema.ts';

/** A task that is stopped, completed or deleted: it has no occurrences. */
export type InactiveTask = { uid: number; namespace: string; id: string; active: false; deleted: boolean };

/** The part of an active task that decides when it fires. Instants are epoch milliseconds. */
export type TaskTiming = {
  uid: number;
  id: string;
  namespace: string;
  scheduleVersion: number;
  schedule: Schedule;
  activeFrom: number;
  startsAt: number | null;
  endsAt: number | null;
  jitterMs: number;
  misfire: Misfire;
  priority: number;
  /** Whether `maxRuns` limits it. */
  limited: boolean;
  active: true;
};

type TaskColumns = Row<typeof tasks>;

type TimingRow = [
  uid: number,
  id: TaskColumns['id'],
  namespace: TaskColumns['namespace'],
  scheduleVersion: TaskColumns['schedule_version'],
  schedule: TaskColumns['schedule'] | null,
  activeFrom: number,
  startsAt: number | null,
  endsAt: number | null,
  jitterMs: number,
  misfire: TaskColumns['misfire'] | null,
  priority: TaskColumns['priority'],
  limited: boolean,
  active: boolean,
  deleted: boolean,
];

const epochMs = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;

const isActive = `t.status = 'active' and t.deleted_at is null`;

/**
 * Numbers instead of dates and texts: a hundred thousand rows are read at boot. The documents of tasks that are not
 * active are left where they are: when a burst of single instants is completed, such rows come by the thousand.
 */
const timingColumns = `t.uid::float8, t.id, t.namespace, t.schedule_version, case when ${isActive} then t.schedule end, ${epochMs('t.active_from')}, ${epochMs('t.starts_at')},
  ${epochMs('t.ends_at')}, coalesce(t.jitter_ms, 0)::float8, case when ${isActive} then t.misfire end,
  t.priority, t.max_runs is not null, ${isActive}, t.deleted_at is not null`;

/**
 * A position in the feed: which transactions are over. A reader that asks for the changes since a position sees each
 * one once and misses none, even of transactions that commit late.
 */
export async function feedPosition(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ position: string }>('select pg_current_snapshot()::text as position');
  return rows[0]?.position ?? '1:1:';
}

/** Active tasks by their number, at most `limit` of those after `afterUid`. */
export async function loadTasks(db: Queryable, afterUid: number, limit: number): Promise<TaskTiming[]> {
  const { rows } = await db.query({
    name: 'load-tasks',
    rowMode: 'array',
    text: `
      select ${timingColumns} from tasks t
      where t.uid > $1 and ${isActive} order by t.uid limit $2`,
    values: [afterUid, limit],
  });
  return (rows as unknown as TimingRow[]).map(timingOfRow).filter((task) => task.active);
}

/** Every task written since `position`, and the position to go on from. */
export async function readChanges(
  db: Queryable,
  position: string,
): Promise<{ position: string; changes: (TaskTiming | InactiveTask)[] }> {
  const { rows } = await db.query({
    name: 'read-changes',
    rowMode: 'array',
    text: `
      select ${timingColumns}, pg_current_snapshot()::text
      from (select) as always left join tasks t on ${isNewSince('t.changed_in', '$1::pg_snapshot')}`,
    values: [position],
  });
  const found = rows as unknown as [...TimingRow, string][];
  return {
    position: found[0]?.[14] ?? position,
    changes: found.filter((row) => row[0] !== null).map((row) => timingOfRow(row as unknown as TimingRow)),
  };
}

function timingOfRow(row: TimingRow): TaskTiming | InactiveTask {
  const [
    uid,
    id,
    namespace,
    scheduleVersion,
    schedule,
    activeFrom,
    startsAt,
    endsAt,
    jitterMs,
    misfire,
    priority,
    limited,
    active,
    deleted,
  ] = row;
  if (!active || schedule === null || misfire === null) return { uid, namespace, id, active: false, deleted };
  return {
    uid,
    id,
    namespace,
    scheduleVersion,
    schedule,
    activeFrom,
    startsAt,
    endsAt,
    jitterMs,
    misfire,
    priority,
    limited,
    active,
  };
}
