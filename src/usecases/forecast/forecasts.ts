/** What the forecasts of a replica share: the tasks that it fires, and a bound on how many are made at a time. */

import type { Timing } from '../../domain/schedule/occurrence.ts';

/** A task with occurrences to come. */
export type ScheduledTask = {
  uid: number;
  id: string;
  timing: Timing;
  /** Whether `maxRuns` limits it. */
  limited: boolean;
};

/** The active tasks of a namespace as of now; null until they are loaded. */
type TasksOf = (namespace: string) => Promise<readonly ScheduledTask[] | null>;

export type Forecasts = {
  tasksOf: TasksOf;
  /** Runs `work` when there is a place for it; null, without running it, where too many wait already. */
  inPlace<T>(work: () => Promise<T>): Promise<T> | null;
};

/** They share the event loop, so more of them at a time end no sooner. */
const mostAtOnce = 2;
const mostWaiting = 6;

export function createForecasts(tasksOf: TasksOf): Forecasts {
  const waiting: (() => void)[] = [];
  let made = 0;

  async function run<T>(work: () => Promise<T>): Promise<T> {
    if (made < mostAtOnce) made++;
    // The place of one that ends is handed on.
    else await new Promise<void>((resume) => void waiting.push(resume));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) made--;
      else next();
    }
  }

  return {
    tasksOf,
    inPlace: (work) => (made >= mostAtOnce && waiting.length >= mostWaiting ? null : run(work)),
  };
}
