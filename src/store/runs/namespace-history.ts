/** Deletes the oldest runs of single namespaces, task by task. */

import { leastRunId } from '../../domain/schedule/occurrence.ts';
import type { Queryable } from '../postgres/database.ts';
import { isCounted } from '../stats/roll-up.ts';

/** The namespaces with the quota `historyRetention`, and its text. */
export async function retentions(db: Queryable): Promise<{ namespace: string; retention: string }[]> {
  const { rows } = await db.query<{ namespace: string; retention: string }>({
    name: 'retentions',
    text: `
      select id as namespace, quotas ->> 'historyRetention' as retention from namespaces
      where quotas ? 'historyRetention' order by id`,
  });
  return rows;
}

/** The numbers of all tasks of a namespace, live or deleted. */
export async function uidsIn(db: Queryable, namespace: string): Promise<number[]> {
  const { rows } = await db.query<{ uids: number[] }>({
    name: 'uids-in',
    // One branch for each of the two partial indexes.
    text: `
      select array(
        select uid::float8 from tasks where namespace = $1 and deleted_at is null
        union all
        select uid::float8 from tasks where namespace = $1 and deleted_at is not null
      ) as uids`,
    values: [namespace],
  });
  return rows[0]?.uids ?? [];
}

/** Deletes runs of the deleted tasks of a namespace, at most `limit`. True when there are none any more. */
export async function deleteRunsIn(db: Queryable, namespace: string, limit: number): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'delete-runs-in',
    text: `
      delete from runs where id in (
        select r.id from tasks t join runs r on r.task_uid = t.uid
        where t.namespace = $1 and t.deleted_at is not null limit $2)`,
    values: [namespace, limit],
  });
  return (rowCount ?? 0) < limit;
}

/**
 * Deletes at most `limit` runs of these tasks that were over by `before` (epoch milliseconds), always keeping a task's
 * newest run. Gives back how many went.
 */
export async function deleteOldRunsOf(
  db: Queryable,
  uids: readonly number[],
  before: number,
  limit: number,
): Promise<number> {
  const { rowCount } = await db.query({
    name: 'delete-old-runs-of',
    text: `
      delete from runs r using (
        select old.id from unnest($1::bigint[]) as t(uid) cross join lateral (
          select o.id from runs o
          where o.task_uid = t.uid and o.id < $2 and o.finished_at < $3 and ${isCounted('o')}
            and exists (select from runs newer where newer.task_uid = t.uid and newer.id > o.id)
          order by o.id limit $4
        ) old limit $4
      ) gone
      where r.id = gone.id`,
    values: [uids, leastRunId(before), new Date(before).toISOString(), limit],
  });
  return rowCount ?? 0;
}
