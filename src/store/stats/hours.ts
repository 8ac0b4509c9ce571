/** Copies counted minutes into hours, and deletes old ones. */

import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import { bucketOf, countOf, entry } from './histograms.ts';
import type { statsState } from './schema.ts';

const key = 'namespace, at, task_uid, status';

const histogramOf = (kind: number, column: string) => `
  select ${key}, ${kind}, ${bucketOf('e')}, sum(${countOf('e')}) from fresh, unnest(${column}) e group by 1, 2, 3, 4, 6`;

/** Without joins: the planner knows nothing of the sizes of these parts, and would use nested loops. */
const copyText = `
  with fresh as materialized (
    select namespace, date_trunc('hour', at, 'UTC') as at, task_uid, status, runs, lateness, duration
    from stats_minutes where pass > $1 and pass <= $2
  ), parts (${key}, kind, bucket, n) as (
    select ${key}, 0, 0, sum(runs) from fresh group by ${key}
    union all ${histogramOf(1, 'lateness')}
    union all ${histogramOf(2, 'duration')}
  )
  insert into stats_hours as h (${key}, runs, lateness, duration)
  select ${key}, sum(n) filter (where kind = 0),
    array_agg(${entry('n', 'bucket')}) filter (where kind = 1), array_agg(${entry('n', 'bucket')}) filter (where kind = 2)
  from parts group by ${key} order by ${key}
  on conflict (${key}) do update set runs = h.runs + excluded.runs,
    lateness = h.lateness || excluded.lateness, duration = h.duration || excluded.duration`;

/**
 * Copies the minutes of `passes` passes into the hours, once there are as many. Copied and noted in one transaction.
 * Gives back whether it did.
 */
export function copyToHours(database: Database, passes: number): Promise<boolean> {
  return inTransaction(database, async (db) => {
    const { rows } = await db.query<Row<typeof statsState, 'pass' | 'copied_pass'>>(
      'select pass, copied_pass from stats_state for update skip locked',
    );
    const [state] = rows;
    if (state === undefined) return false;
    const copied = Number(state.copied_pass);
    if (Number(state.pass) < copied + passes) return false;
    await db.query({ name: 'copy-to-hours', text: copyText, values: [copied, copied + passes] });
    await db.query('update stats_state set copied_pass = $1', [copied + passes]);
    return true;
  });
}

/** Deletes at most `limit` minutes from before `before` (epoch milliseconds) that are copied. Gives back how many. */
export async function deleteOldMinutes(db: Queryable, before: number, limit: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'delete-old-minutes',
    text: `
      delete from stats_minutes where at < $1 and ctid = any(array(
        select ctid from stats_minutes where pass <= (select copied_pass from stats_state) order by pass limit $2))`,
    values: [new Date(before).toISOString(), limit],
  });
  return rowCount ?? 0;
}

/** Deletes at most `limit` hours from before `before`, and the names of tasks that were forgotten before then. */
export async function deleteOldHours(db: Queryable, before: number, limit: number): Promise<number> {
  const at = new Date(before).toISOString();
  await db.query({ name: 'delete-old-names', text: 'delete from stats_tasks where forgotten_at < $1', values: [at] });
  const { rowCount } = await db.query({
    name: 'delete-old-hours',
    text: 'delete from stats_hours where ctid = any(array(select ctid from stats_hours where at < $1 limit $2))',
    values: [at, limit],
  });
  return rowCount ?? 0;
}
