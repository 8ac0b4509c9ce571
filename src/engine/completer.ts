/** Completes tasks whose last occurrence is written down: many with one statement, off the firing path. */

import type { Queryable } from '../store/database.ts';
import { completeTasks } from '../store/tasks.ts';
import type { DatabaseTime } from './database-time.ts';

export type ExhaustedTask = { uid: number; generation: number };

export type Completer = {
  add(tasks: readonly ExhaustedTask[]): void;
  /** The step of its loop. */
  step(): Promise<number>;
};

const batchSize = 1_000;
const everyMs = 100;
const idleMs = 60_000;

/** What is lost here by a crash is found again when the timetable is loaded: such a task has no next instant then. */
export function createCompleter(
  db: Queryable,
  time: DatabaseTime,
  onAdded: () => void,
  onCompleted: () => void,
): Completer {
  let waiting: ExhaustedTask[] = [];
  return {
    add(tasks) {
      if (tasks.length === 0) return;
      waiting.push(...tasks);
      onAdded();
    },
    async step() {
      if (waiting.length === 0) return idleMs;
      const batch = waiting.slice(0, batchSize);
      await completeTasks(db, batch, time.now());
      waiting = waiting.slice(batch.length);
      onCompleted();
      return everyMs;
    },
  };
}
