/** Runs for a past range of a task that a caller asks for. */

import type { RunIds } from '../../../domain/run/ids.ts';
import type { Author } from '../../events/events.ts';
import type { Queryable } from '../../postgres/database.ts';
import { insertLive, policyColumns } from './claims.ts';

const batchSize = 1_000;

/**
 * Inserts a run that waits to be taken for each of these instants (epoch milliseconds, ascending) that has none yet, in
 * any status of the task. Returns how many were made, or null when the task is deleted.
 */
export async function insertBackfill(
  db: Queryable,
  runIds: RunIds,
  uid: number,
  instants: readonly number[],
  author: Author,
  now: number,
): Promise<number | null> {
  let made = 0;
  for (let start = 0; start < instants.length; start += batchSize) {
    const batch = instants.slice(start, start + batchSize);
    const { rows } = await db.query<{ known: boolean; made: number }>({
      name: 'insert-backfill',
      text: `
        with live as (
          select d.run_id, d.scheduled_for, t.uid, t.overlap, t.priority, t.retry, ${policyColumns}
          from unnest($2::uuid[], $3::timestamptz[]) as d(run_id, scheduled_for)
          join tasks t on t.uid = $1 and t.deleted_at is null
        ), made as (${insertLive('null', `'catch_up'`, '$4')}), noted as (
          insert into events (namespace, task_uid, type, at, actor, request_id, data, via, address)
          select t.namespace, t.uid, 'backfilled', $4, $5, $6, jsonb_build_object('from', $7::text, 'to', $8::text, 'runs', m.runs), $9, $10
          from (select count(*) as runs from made) m join tasks t on t.uid = $1 where m.runs > 0
        )
        select exists (select from live) as known, (select count(*)::integer from made) as made`,
      values: [
        uid,
        batch.map((instant) => runIds.of(uid, instant)),
        batch.map((instant) => new Date(instant).toISOString()),
        new Date(now).toISOString(),
        author.actor,
        author.requestId,
        new Date(batch[0] as number).toISOString(),
        new Date(batch.at(-1) as number).toISOString(),
        author.via,
        author.address,
      ],
    });
    if (!rows[0]?.known) return null;
    made += rows[0].made;
  }
  return made;
}
