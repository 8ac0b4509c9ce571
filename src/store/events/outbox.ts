/** Reads the events that a subscriber has not read yet: each once, however long the transaction took that wrote it. */

import { type Database, inTransaction, type Queryable } from '../postgres/database.ts';
import { isNewSince } from '../postgres/snapshots.ts';

/** An event of a task, or of one of its runs. `at` is in epoch milliseconds. */
export type OutboxEvent = {
  id: number;
  namespace: string;
  taskUid: number;
  /** Null where the event is not about a single run. */
  runId: string | null;
  type: string;
  at: number;
  data: Record<string, unknown> | null;
};

/** A replica that freezes while it reads leaves the subscriber to the others after so many milliseconds. */
const mostIdleMs = 2_000;

/** Registers these subscribers. Each reads the events that are written after its first registration. */
export async function registerSubscribers(db: Queryable, names: readonly string[]): Promise<void> {
  await db.query('insert into subscriptions (name) select unnest($1::text[]) on conflict do nothing', [names]);
}

/** The subscribers among these that have unread events. */
export async function subscribersWithNews(db: Queryable, names: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>({
    name: 'subscribers-with-news',
    text: `
      select name from subscriptions s
      where name = any($1) and exists (select from events e where ${isNewSince('e.written_in', 's.seen')})`,
    values: [names],
  });
  return rows.map(({ name }) => name);
}

/**
 * Hands the next events of these types, at most `limit` and in the order of their ids, to `take`, in the transaction
 * that notes them as read: where it fails, they are read again. Does nothing where another replica is reading for the
 * same subscriber. Gives back how many there were, and whether more may follow.
 */
export function readOutbox(
  database: Database,
  { name, types, limit }: { name: string; types: readonly string[]; limit: number },
  take: (db: Queryable, events: readonly OutboxEvent[]) => Promise<void>,
): Promise<{ count: number; more: boolean }> {
  return inTransaction(
    database,
    async (db) => {
      const { rows: held } = await db.query<{ seen: string; reading: string | null; after: string }>({
        name: 'hold-subscription',
        text: `
        select seen::text, reading::text, read_id::text as after
        from subscriptions where name = $1 for update skip locked`,
        values: [name],
      });
      const [place] = held;
      if (place === undefined) return { count: 0, more: false };
      // A statement of its own: the snapshot of the one that took the lock may be older than what `seen` tells.
      const { rows } = await db.query<EventRow & { reading: string }>({
        name: 'read-outbox',
        text: `
        select place.reading::text, e.*
        from (select coalesce($2::pg_snapshot, pg_current_snapshot()) as reading) place left join lateral (
          select id, namespace, task_uid, run_id, type, at, data from events
          where ${isNewSince('written_in', '$1::pg_snapshot')} and pg_visible_in_snapshot(written_in, place.reading)
            and type = any($3) and id > $4
          order by id limit $5
        ) e on true order by e.id`,
        values: [place.seen, place.reading, types, place.after, limit],
      });
      const reading = rows[0]?.reading;
      const events = rows.flatMap((row) => (row.id === null ? [] : eventOf(row)));
      const more = events.length === limit;
      if (events.length > 0) await take(db, events);
      await db.query({
        name: more ? 'note-page-as-read' : 'note-as-read',
        text: more
          ? 'update subscriptions set reading = $2::pg_snapshot, read_id = $3 where name = $1'
          : 'update subscriptions set seen = $2::pg_snapshot, reading = null, read_id = $3 where name = $1',
        values: [name, reading, more ? events.at(-1)?.id : 0],
      });
      return { count: events.length, more };
    },
    mostIdleMs,
  );
}

type EventRow =
  | { id: null }
  | {
      id: string;
      namespace: string;
      task_uid: string;
      run_id: string | null;
      type: string;
      at: Date;
      data: Record<string, unknown> | null;
    };

function eventOf(row: Exclude<EventRow, { id: null }>): OutboxEvent {
  return {
    id: Number(row.id),
    namespace: row.namespace,
    taskUid: Number(row.task_uid),
    runId: row.run_id,
    type: row.type,
    at: row.at.getTime(),
    data: row.data,
  };
}

/** Deletes at most `limit` events of runs that every subscriber has read. Gives back how many. */
export async function forgetReadEvents(db: Queryable, limit: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'forget-read-events',
    text: `
      delete from events where id in (
        select id from events e
        where run_id is not null
          and not exists (select from subscriptions where not pg_visible_in_snapshot(e.written_in, seen))
        order by id limit $1)`,
    values: [limit],
  });
  return rowCount ?? 0;
}
