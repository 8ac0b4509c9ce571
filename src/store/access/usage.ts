/** Counts what namespaces use of their quotas. */

import type { Queryable } from '../postgres/database.ts';

/** What there is in a namespace now; `createsPerMinute` is how many tasks were created in the last minute. */
export type Usage = { tasks: number; concurrentRuns: number; createsPerMinute: number; secrets: number };

const none: Usage = { tasks: 0, concurrentRuns: 0, createsPerMinute: 0, secrets: 0 };

/** The usage of each of these namespaces. It is for people: it goes through the tasks of the namespaces. */
export async function readUsage(db: Queryable, namespaces: readonly string[]): Promise<Map<string, Usage>> {
  const { rows } = await db.query<Usage & { id: string }>({
    name: 'read-usage',
    text: `
      select n.id, coalesce(t.tasks, 0) as tasks, coalesce(r.runs, 0) as "concurrentRuns",
        case when n.quotas ? 'createsPerMinute' then coalesce(c.tasks, 0) else coalesce(t.created, 0) end as "createsPerMinute",
        coalesce(s.secrets, 0) as secrets
      from namespaces n
      left join (
        select namespace, (count(*) filter (where deleted_at is null))::integer as tasks,
          (count(*) filter (where created_at > clock_timestamp() - interval '1 minute'))::integer as created
        from tasks where namespace = any($1) group by namespace
      ) t on t.namespace = n.id
      left join (
        select namespace, count(*)::integer as runs from runs where status = 'running' group by namespace
      ) r on r.namespace = n.id
      left join (
        select namespace, sum(tasks)::integer as tasks from creations
        where namespace = any($1) and at > clock_timestamp() - interval '1 minute' group by namespace
      ) c on c.namespace = n.id
      left join (
        select namespace, count(*)::integer as secrets from secrets where namespace = any($1) group by namespace
      ) s on s.namespace = n.id
      where n.id = any($1)`,
    values: [namespaces],
  });
  return new Map([
    ...namespaces.map((id) => [id, none] as const),
    ...rows.map(({ id, ...usage }) => [id, usage] as const),
  ]);
}
