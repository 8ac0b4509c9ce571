/** Makes the numbers of transactions in a dump fit a younger cluster, whose numbers are smaller. */

import type { Queryable } from './database.ts';

/** To be called before the tables are used. Changes nothing where they were made in this cluster. */
export async function forgetFuture(db: Queryable): Promise<void> {
  // The change feed would read these rows with every poll.
  await db.query('update tasks set changed_in = pg_current_xact_id() where changed_in > pg_current_xact_id()');
  await db.query('update namespaces set changed_in = pg_current_xact_id() where changed_in > pg_current_xact_id()');
  await restampEvents(db);
}

/** Gives numbers of this cluster to the events that some subscriber has not read, and to the positions of all. */
async function restampEvents(db: Queryable): Promise<void> {
  await db.query(`
    -- Of several replicas that start now the others see what the first has written.
    select from subscriptions order by name for update;
    with ahead as (
      select from subscriptions
      where greatest(pg_snapshot_xmax(seen), pg_snapshot_xmax(reading)) > pg_current_xact_id()
    ),
    stamped as (
      update events e set written_in = case
        when exists (select from subscriptions s where not pg_visible_in_snapshot(e.written_in, s.seen))
        then pg_current_xact_id() else '3'::xid8 end
      where exists (select from ahead)
    )
    update subscriptions set reading = null, read_id = 0,
      seen = (pg_current_xact_id()::text || ':' || pg_current_xact_id()::text || ':')::pg_snapshot
    where exists (select from ahead)`);
}
