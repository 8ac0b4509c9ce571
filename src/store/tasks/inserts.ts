/** Stores tasks that are created one by one, with one statement for those that come at the same time. */

import type { Queryable } from '../postgres/database.ts';
import { isUnavailable } from '../postgres/failure.ts';
import type { Task } from './row.ts';
import { insertTasks, type NewTask } from './tasks.ts';

/** Stores a task; the answer is the task, or null where its id is taken. Rejects when the database cannot be asked. */
export type InsertTask = (item: NewTask, now: number) => Promise<Task | null>;

type Waiting = { item: NewTask; now: number; resolve: (task: Task | null) => void; reject: (error: unknown) => void };

const batchSize = 100;
const inFlightLimit = 2;

/**
 * Measured: a statement of one row costs Postgres and this process several times as much as one more row in a larger
 * statement.
 */
export function createTaskInserts(db: Queryable): InsertTask {
  let waiting: Waiting[] = [];
  let inFlight = 0;
  let scheduled = false;

  async function write(batch: readonly Waiting[]): Promise<void> {
    try {
      const tasks = await insertTasks(
        db,
        batch.map(({ item }) => item),
        Math.max(...batch.map(({ now }) => now)),
      );
      for (const [place, { resolve }] of batch.entries()) resolve(tasks[place] ?? null);
    } catch (error) {
      // Postgres refuses the statement because of one task. The other creations must not fail for it.
      if (batch.length > 1 && !isUnavailable(error)) for (const each of batch) await write([each]);
      else for (const { reject } of batch) reject(error);
    }
  }

  function next(): void {
    scheduled = false;
    while (waiting.length > 0 && inFlight < inFlightLimit) {
      const batch = waiting.slice(0, batchSize);
      waiting = waiting.slice(batchSize);
      inFlight++;
      void write(batch).finally(() => {
        inFlight--;
        next();
      });
    }
  }

  return (item, now) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, now, resolve, reject });
      // Tasks of the same turn of the event loop share the statement.
      if (scheduled || inFlight === inFlightLimit) return;
      scheduled = true;
      setImmediate(next);
    });
}
