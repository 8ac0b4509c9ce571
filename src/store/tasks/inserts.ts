/** Stores tasks that are created one by one, with one statement for those that come at the same time. */

import type { Database } from '../postgres/database.ts';
import { inTransaction } from '../postgres/database.ts';
import { createGatherer } from './gatherer.ts';
import { createQuotaInserts, insertWithinQuotas, type Stored } from './quotas.ts';
import { insertFreeTasks, type NewTask } from './tasks.ts';

/** Stores a task. Rejects when the database cannot be asked. */
export type InsertTask = (item: NewTask, now: number) => Promise<Stored>;

/**
 * Measured: a statement of one row costs Postgres and this process several times as much as one more row in a larger
 * statement.
 */
export function createTaskInserts(database: Database): InsertTask {
  const insertFree = createGatherer(
    (batch: readonly { item: NewTask; now: number }[]) =>
      insertFreeTasks(
        database.pool,
        batch.map(({ item }) => item),
        Math.max(...batch.map(({ now }) => now)),
      ),
    2,
  );
  const insertWithin = createQuotaInserts(database);
  return async (item, now) => {
    const stored = await insertFree({ item, now });
    return stored === 'has_quotas' ? insertWithin(item, now) : stored;
  };
}

/** Stores tasks of one namespace with one statement, or with one transaction where that has quotas for creations. */
export async function insertMany(database: Database, items: readonly NewTask[], now: number): Promise<Stored[]> {
  const stored = await insertFreeTasks(database.pool, items, now);
  const free = stored.filter((each) => each !== 'has_quotas');
  const [first] = items;
  if (first === undefined || free.length === items.length) return free;
  return inTransaction(database, (db) => insertWithinQuotas(db, first.namespace, items, now));
}
