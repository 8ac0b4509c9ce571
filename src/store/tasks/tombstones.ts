/**
 * The last step of a deleted task: deletes its row, its events and its deliveries when no run refers to it any more.
 */

import type { Queryable } from '../postgres/database.ts';

/** Removes at most `limit` tombstones older than `before` (epoch milliseconds) that have no runs left. */
export async function forgetTombstones(db: Queryable, before: number, limit: number): Promise<void> {
  await db.query({
    name: 'forget-tombstones',
    text: `
      with gone as (
        delete from tasks where uid in (
          select t.uid from tasks t
          where t.deleted_at < $1 and not exists (select from runs r where r.task_uid = t.uid)
          order by t.uid limit $2)
        returning uid, namespace, id, labels
      ), named as (
        insert into stats_tasks (uid, namespace, id, labels) select uid, namespace, id, labels from gone
      ), unused as (
        delete from secret_uses u using gone where u.task_uid = gone.uid
      ), untold as (
        delete from deliveries d using gone where d.task_uid = gone.uid
      )
      delete from events e using gone where e.task_uid = gone.uid`,
    values: [new Date(before).toISOString(), limit],
  });
}
