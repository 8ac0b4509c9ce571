/** Deletes the logs of runs that are gone. */

import type { Queryable } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { runLogs } from './schema.ts';

/**
 * Looks at `limit` logs after that of the run `after` (null: from the first on), and deletes those without a run. Gives
 * back where to go on; null at the end. So the deletion of a run without a log costs nothing.
 */
export async function deleteLogsWithoutRun(db: Queryable, after: string | null, limit: number): Promise<string | null> {
  const { rows } = await db.query<{ last: Row<typeof runLogs, 'run'>['run'] | null }>({
    name: 'delete-logs-without-run',
    text: `
      with page as (
        select run from run_logs where $1::uuid is null or run > $1 order by run limit $2
      ), lone as (
        select run from page where not exists (select from runs r where r.id = page.run)
      ), heads as (
        delete from run_logs l using lone where l.run = lone.run
      ), pieces as (
        delete from run_log p using lone where p.run = lone.run
      )
      select case when count(*) = $2 then (array_agg(run order by run desc))[1] end as last from page`,
    values: [after, limit],
  });
  return rows[0]?.last ?? null;
}
