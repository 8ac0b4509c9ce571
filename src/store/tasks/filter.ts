/** The filters of lists of tasks, as a condition of SQL. */

import type { TaskStatus } from '../../domain/task/states.ts';

/** Which tasks: all conditions hold. */
export type TaskConditions = {
  namespace: string;
  /** Any of these; none for all. */
  statuses: readonly TaskStatus[];
  /** Names and values. A task has one of the values of each name. */
  labels: readonly (readonly [name: string, value: string])[];
  /** Part of the id or the name, in any letter case. */
  q: string | null;
};

/** A condition on live tasks. Its parameters `$1` to `$5` are `conditionValues`. */
export const taskCondition = `
  namespace = $1 and deleted_at is null
  and (cardinality($2::task_status[]) = 0 or status = any($2))
  and ($3::jsonb = '{}' or labels @> $3)
  and ($4::jsonb = '{}' or not exists (
    select from jsonb_each($4) as wanted(name, options) where not coalesce(options ? (labels ->> name), false)))
  and ($5::text is null or id ilike $5 or name ilike $5)`;

/** The values of the parameters of `taskCondition`. */
export function conditionValues({ namespace, statuses, labels: wanted, q }: TaskConditions): unknown[] {
  const labels = new Map<string, string[]>();
  for (const [name, value] of wanted) labels.set(name, [...(labels.get(name) ?? []), value]);
  // The index finds the labels that a task must have.
  const single = [...labels].flatMap(([name, [value, other]]) => (other === undefined ? [[name, value]] : []));
  const several = [...labels].filter(([, values]) => values.length > 1);
  const pattern = q === null ? null : `%${q.replace(/[\\%_]/g, '\\$&')}%`;
  const json = (entries: readonly (readonly unknown[])[]) =>
    JSON.stringify(Object.fromEntries(entries as [string, unknown][]));
  return [namespace, statuses, json(single), json(several), pattern];
}
