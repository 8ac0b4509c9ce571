/** Completes tasks whose last occurrence is written down: many with one statement, off the firing path. */

import type { Queryable } from '../../store/postgres/database.ts';
import { completeTasks, type ExhaustedTask } from '../../store/tasks/tasks.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';

export type TaskFinisher = {
  add(tasks: readonly ExhaustedTask[]): void;
  /** The step of its loop. */
  step(): Promise<number>;
};

const batchSize = 1_000;
const everyMs = 100;
const idleMs = 60_000;
/**
 * Completing a burst of one-time tasks costs Postgres as much as firing it. It waits until the burst is over, at most
 * this long.
 */
const mostWaitMs = 10_000;

/** After a crash the next load of the timetable finds such tasks again: they have no next instant. */
export function createTaskFinisher(
  db: Queryable,
  time: DatabaseTime,
  /** Whether something more urgent is under way. */
  isBusy: () => boolean,
  onAdded: () => void,
): TaskFinisher {
  let waiting: ExhaustedTask[] = [];
  let since = 0;
  return {
    add(tasks) {
      if (tasks.length === 0) return;
      if (waiting.length === 0) since = time.now();
      for (const task of tasks) waiting.push(task);
      onAdded();
    },
    async step() {
      if (waiting.length === 0) return idleMs;
      if (isBusy() && time.now() - since < mostWaitMs) return everyMs;
      const batch = waiting.slice(0, batchSize);
      await completeTasks(db, batch, time.now());
      waiting = waiting.slice(batch.length);
      return isBusy() ? everyMs : 0;
    },
  };
}
