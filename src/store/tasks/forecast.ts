/** Reads of many tasks, by number, those few members that a forecast needs besides their timing. */

import type { Target } from '../../domain/task/target.ts';
import type { Queryable } from '../postgres/database.ts';

/** How many more occurrences the `maxRuns` of these tasks allows. Tasks without one are left out. */
export async function readRunsLeft(db: Queryable, uids: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await db.query({
    name: 'forecast-runs-left',
    rowMode: 'array',
    text: `
      select uid::float8, greatest(max_runs - claimed, 0) from tasks
      where uid = any($1::bigint[]) and max_runs is not null`,
    values: [uids],
  });
  return new Map(rows as unknown as [number, number][]);
}

/** The values of a label. Tasks without it are left out. */
export async function readLabel(db: Queryable, uids: readonly number[], label: string): Promise<Map<number, string>> {
  const { rows } = await db.query({
    name: 'forecast-label',
    rowMode: 'array',
    text: 'select uid::float8, labels ->> $2 from tasks where uid = any($1::bigint[]) and labels ? $2',
    values: [uids, label],
  });
  return new Map(rows as unknown as [number, string][]);
}

/** The targets, with their type and these members alone; whole where `members` is null. */
export async function readTargets(
  db: Queryable,
  uids: readonly number[],
  members: readonly string[] | null,
): Promise<[uid: number, target: Target][]> {
  const part = `
    (select jsonb_object_agg(name, target -> name) from unnest(array['type'] || $2::text[]) name where target ? name)`;
  const { rows } = await db.query({
    name: members === null ? 'forecast-targets' : 'forecast-target-parts',
    rowMode: 'array',
    text: `select uid::float8, ${members === null ? 'target' : part} from tasks where uid = any($1::bigint[])`,
    values: members === null ? [uids] : [uids, members],
  });
  return rows as unknown as [number, Target][];
}
