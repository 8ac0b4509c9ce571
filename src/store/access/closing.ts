/**
 * The end of a namespace, in steps that any replica may repeat or go on with:
 *
 *     open ──closing──▶ nothing new ──tasks deleted──▶ no run waits or runs ──purged──▶ gone
 *       ▲                    │
 *       └──── a task came meanwhile, and it was not to cascade
 */

import type { Database, Queryable } from '../postgres/database.ts';
import { inTransaction } from '../postgres/database.ts';
import type { Row } from '../rows.ts';
import type { namespaces } from './schema.ts';
import { endSessionsWithoutRole } from './sessions.ts';

/** How many objects a namespace holds. */
export type Holdings = { tasks: number; runs: number; secrets: number; keys: number; bindings: number };

/** What it holds: tasks that are not deleted, runs that are not over, secrets, keys and bindings. */
export async function readHoldings(db: Queryable, id: string): Promise<Holdings> {
  const { rows } = await db.query<Holdings>({
    name: 'namespace-holdings',
    text: `
      select (select count(*) from tasks where namespace = $1 and deleted_at is null)::integer as tasks,
        (select count(*) from tasks t join runs r on r.task_uid = t.uid
          where t.namespace = $1 and r.status in ('pending', 'retrying', 'running'))::integer as runs,
        (select count(*) from secrets where namespace = $1)::integer as secrets,
        (select count(*) from keys where namespace = $1)::integer as keys,
        (select count(*) from bindings where namespace = $1)::integer as bindings`,
    values: [id],
  });
  return rows[0] as Holdings;
}

/**
 * Lets nothing new into a namespace whose row the transaction has locked for update. A creation of a task that is under
 * way may still come in: see `taskWritesAreOver`. One that is already going with all that it holds keeps the instant at
 * which it was closed.
 */
export async function closeNamespace(db: Queryable, id: string, cascading: boolean, now: number): Promise<void> {
  await db.query({
    name: 'close-namespace',
    text: `
      update namespaces set closing = true, cascading = $2, updated_at = $3, changed_in = pg_current_xact_id()
      where id = $1 and not (closing and cascading)`,
    values: [id, cascading, new Date(now).toISOString()],
  });
}

/** Opens a namespace again that was not to cascade and got a task meanwhile. True where it is open now. */
export async function reopenNamespace(db: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'reopen-namespace',
    text: `
      update namespaces set closing = false, changed_in = pg_current_xact_id()
      where id = $1 and closing and not cascading
        and exists (select from tasks where namespace = $1 and deleted_at is null)`,
    values: [id],
  });
  return rowCount === 1;
}

/** When it was closed, in epoch milliseconds; or that it is open, or gone. */
export async function closedSince(db: Queryable, id: string): Promise<number | 'open' | 'gone'> {
  const { rows } = await db.query<Row<typeof namespaces, 'updated_at' | 'closing'>>({
    name: 'closed-since',
    text: 'select updated_at, closing from namespaces where id = $1',
    values: [id],
  });
  const [row] = rows;
  if (row === undefined) return 'gone';
  return row.closing ? row.updated_at.getTime() : 'open';
}

/** Deletes all tasks of a namespace that is being closed: they stay as tombstones. Gives back how many. */
export async function deleteTasksIn(db: Queryable, id: string, now: number): Promise<number> {
  const { rowCount } = await db.query({
    name: 'delete-tasks-in',
    text: `
      update tasks set deleted_at = $2, version = version + 1, changed_in = pg_current_xact_id()
      where namespace = $1 and deleted_at is null and exists (select from namespaces where id = $1 and closing)`,
    values: [id, new Date(now).toISOString()],
  });
  return rowCount ?? 0;
}

const eventsAtOnce = 5_000;

/** Deletes events of its tasks. True when there are none any more. */
export async function deleteEventsIn(db: Queryable, id: string): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'delete-events-in',
    text: `
      delete from events where id in (
        select e.id from tasks t join events e on e.task_uid = t.uid where t.namespace = $1 limit ${eventsAtOnce})`,
    values: [id],
  });
  return (rowCount ?? 0) < eventsAtOnce;
}

/** Deletes the rest of a closed namespace whose runs are gone, and the namespace. False where a task came back. */
export function purgeNamespace(database: Database, id: string): Promise<boolean> {
  return inTransaction(database, async (db) => {
    const { rows } = await db.query('select from namespaces where id = $1 and closing for update', [id]);
    if (rows.length === 0) return true;
    const { rows: left } = await db.query(
      `select from tasks t where namespace = $1
        and (deleted_at is null or exists (select from runs r where r.task_uid = t.uid)) limit 1`,
      [id],
    );
    if (left.length > 0) return false;
    const ofTasks = 'task_uid in (select uid from tasks where namespace = $1)';
    for (const table of ['deliveries', 'events', 'template_trials'])
      await db.query(`delete from ${table} where ${ofTasks}`, [id]);
    await db.query('delete from sessions where key_hash in (select hash from keys where namespace = $1)', [id]);
    await db.query('delete from bulk_tasks where bulk in (select id from bulks where namespace = $1)', [id]);
    for (const table of [
      'bulks',
      'tasks',
      'secret_uses',
      'secrets',
      'keys',
      'bindings',
      'idempotency_keys',
      'creations',
      'limits',
      'limit_keys',
      'stats_minutes',
      'stats_tasks',
      'stats_hours',
    ])
      await db.query(`delete from ${table} where namespace = $1`, [id]);
    await db.query('delete from namespaces where id = $1', [id]);
    await endSessionsWithoutRole(db);
    return true;
  });
}
