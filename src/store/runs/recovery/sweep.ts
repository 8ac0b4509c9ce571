/**
 * Reads and writes of the sweep: one transaction moves the watermark and writes the runs and misses up to it.
 *
 *     ── accounted for ──┤ watermark ── swept ──┤ horizon ── not due, or still being claimed ──▶ time
 *                              │
 *                              └─ each occurrence has its run, gets one, or is recorded as missed
 */

import { leastRunId } from '../../../domain/schedule/occurrence.ts';
import { type Database, inTransaction, type Queryable } from '../../postgres/database.ts';
import type { Row } from '../../rows.ts';
import type { cluster, runs } from '../../schema.ts';
import { isNotDeleted } from '../../tasks/row.ts';
import { completeTasks, type ExhaustedTask } from '../../tasks/tasks.ts';
import type { Due } from '../claiming/claims.ts';
import { insertDue } from '../claiming/insert-due.ts';

/** Occurrences that did not fire: the first, the last (epoch milliseconds) and how many. */
export type Miss = {
  uid: number;
  scheduleVersion: number;
  from: number;
  to: number;
  count: number;
  policy: string;
};

export type SweepWork = {
  /** Without a run, but within their grace. */
  inTime: readonly (Due & { limited: boolean })[];
  /** Missed, and fired all the same by the misfire policy. */
  caughtUp: readonly (Due & { limited: boolean })[];
  misses: readonly Miss[];
  /** Tasks that have no occurrence after these. */
  exhausted: readonly ExhaustedTask[];
};

/** The instant up to which every occurrence has its row or its recorded miss, in epoch milliseconds. */
export async function readWatermark(db: Queryable): Promise<number> {
  const { rows } = await db.query<Row<typeof cluster, 'watermark'>>('select watermark from cluster');
  return rows[0]?.watermark.getTime() ?? 0;
}

/**
 * Moves the watermark to `horizon` after writing the findings of `find` between the two, in one transaction. Does
 * nothing where another replica is sweeping, or the watermark is there already. `sweeper` is stored as the replica that
 * swept last. Gives back where the watermark stands, and how many runs were inserted.
 */
export function sweepOnce(
  database: Database,
  horizon: number,
  find: (db: Queryable, watermark: number) => Promise<SweepWork>,
  now: number,
  sweeper: string,
): Promise<{ watermark: number; inserted: number }> {
  return inTransaction(database, async (db) => {
    const { rows } = await db.query<Row<typeof cluster, 'watermark'>>(
      'select watermark from cluster for update skip locked',
    );
    const watermark = rows[0]?.watermark.getTime();
    if (watermark === undefined) return { watermark: await readWatermark(db), inserted: 0 };
    if (horizon <= watermark) return { watermark, inserted: 0 };
    const work = await find(db, watermark);
    await holdTasks(db, work);
    const inserted =
      (await insertDue(db, work.inTime, 'schedule', now)) + (await insertDue(db, work.caughtUp, 'catch_up', now));
    await recordMisses(db, work.misses, now);
    if (work.exhausted.length > 0) await completeTasks(db, work.exhausted, now);
    await db.query('update cluster set watermark = $1, swept_by = $2', [new Date(horizon).toISOString(), sweeper]);
    return { watermark: horizon, inserted };
  });
}

/**
 * Locks the tasks of the findings. The writes of the sweep see each earlier change. A later change waits, and then sees
 * the watermark and the misses of this sweep.
 */
async function holdTasks(db: Queryable, { inTime, caughtUp, misses }: SweepWork): Promise<void> {
  const uids = new Set([...inTime, ...caughtUp, ...misses].map(({ uid }) => uid));
  if (uids.size === 0) return;
  await db.query({
    name: 'hold-tasks',
    text: 'select from tasks where uid = any($1::bigint[]) order by uid for no key update',
    values: [[...uids]],
  });
}

/** The ids of all runs of occurrences in (watermark, horizon]. */
export async function occurredRuns(db: Queryable, watermark: number, horizon: number): Promise<Set<string>> {
  const { rows } = await db.query<Row<typeof runs, 'id'>>({
    name: 'occurred-runs',
    text: `select id from runs where id >= $1 and id < $2 and trigger in ('schedule', 'catch_up')`,
    values: [leastRunId(watermark + 1), leastRunId(horizon + 1)],
  });
  return new Set(rows.map(({ id }) => id));
}

/** Leaves an event for each miss of a task that still is of that schedule version. */
export async function recordMisses(db: Queryable, misses: readonly Miss[], now: number): Promise<void> {
  if (misses.length === 0) return;
  await db.query({
    name: 'record-misses',
    text: `
      insert into events (namespace, task_uid, type, at, actor, data)
      select t.namespace, t.uid, 'missed', $3, 'scheduler', m.data
      from unnest($1::bigint[], $2::jsonb[], $4::integer[]) as m(uid, data, schedule_version)
      join tasks t on t.uid = m.uid and t.schedule_version = m.schedule_version and t.status = 'active' and ${isNotDeleted}`,
    values: [
      misses.map(({ uid }) => uid),
      misses.map(({ from, to, count, policy }) =>
        JSON.stringify({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), count, policy }),
      ),
      new Date(now).toISOString(),
      misses.map(({ scheduleVersion }) => scheduleVersion),
    ],
  });
}
