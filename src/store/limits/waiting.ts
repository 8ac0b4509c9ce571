/** Tells which limits runs wait at: for a metric, and for whoever reads a run. */

import { type LimitKind, nameOf } from '../../domain/limits/limits.ts';
import type { Queryable } from '../postgres/database.ts';
import { isNextInLine } from '../runs/claiming/dispatch.ts';
import { runGroup } from '../runs/run-group.ts';
import {
  isDue,
  joinQuota,
  type LimitRow,
  limitColumns,
  limitsOfRow,
  readState,
  roomsOf,
  waitingGroups,
  waitsForLimits,
} from './state.ts';

/** How many due runs with limits wait, by the kind of limit that holds them up, or for a slot where none does. */
export async function countLimited(db: Queryable, now: number): Promise<Record<LimitKind | 'slot', number>> {
  const { rows } = await db.query<{ id: string; runs: number }>({
    name: 'limits-count',
    text: `
      select r.limit_group as id, count(*)::integer as runs from runs r
      where ${waitsForLimits('r')} and ${isDue('r', '$1')} group by r.limit_group`,
    values: [new Date(now).toISOString()],
  });
  const counts = { task: 0, rate: 0, concurrency: 0, namespace: 0, slot: 0 };
  if (rows.length === 0) return counts;
  const { groups } = await waitingGroups(db, now);
  const runs = new Map(rows.map(({ id, runs }) => [id, runs]));
  for (const { id, heldAt } of roomsOf(groups, await readState(db, groups, now)))
    counts[heldAt?.kind ?? 'slot'] += runs.get(id) ?? 0;
  return counts;
}

/**
 * Those of these runs that wait at the quota `concurrentRuns` of their namespace at `now` (epoch milliseconds), each
 * with the number of runs that are running in the namespace.
 */
export async function heldByQuota(db: Queryable, ids: readonly string[], now: number): Promise<Map<string, number>> {
  const { rows } = await db.query<LimitRow & { id: string; runs: string[] }>({
    name: 'limits-held',
    text: `
      select distinct on (r.limit_group) r.limit_group as id, array_agg(r.id) over (partition by r.limit_group) as runs, ${limitColumns}
      from runs r join tasks t on t.uid = r.task_uid ${joinQuota}
      where r.id = any($1::uuid[]) and ${waitsForLimits('r')} and ${isDue('r', '$2')} and t.in_quota
        and r.limit_group = ${runGroup('t')} and (coalesce(r.overlap_slot, 0) = 0 or ${isNextInLine('r')})`,
    values: [ids, new Date(now).toISOString()],
  });
  const groups = rows.map((row) => ({ id: row.id, runs: row.runs, limits: limitsOfRow(row) }));
  const held = new Map<string, number>();
  if (groups.length === 0) return held;
  const state = await readState(db, groups, now);
  const runsOf = new Map(groups.map(({ id, runs }) => [id, runs]));
  for (const { id, heldAt } of roomsOf(groups, state)) {
    if (heldAt?.kind !== 'namespace') continue;
    for (const run of runsOf.get(id) ?? []) held.set(run, state.running.get(nameOf(heldAt)) ?? 0);
  }
  return held;
}
