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

/** Measured: a one-row statement costs Postgres and this process several times what a row of a larger one does. */
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
      // What Postgres refuses is the fault of one of them: nobody else's creation may fail for it.
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
      // What comes in the same turn of the event loop shares the statement.
      if (scheduled || inFlight === inFlightLimit) return;
      scheduled = true;
      setImmediate(next);
    });
}
