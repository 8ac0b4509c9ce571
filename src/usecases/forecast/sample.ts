/** Takes a sample of very many tasks, the same one each time. */

import type { Turns } from '../../turns.ts';
import type { ScheduledTask } from './forecasts.ts';

const mostTasks = 100_000;
/** Occurrences that are looked at one by one: so many take about a second. */
const mostWork = 2_000_000;

/** The tasks to count, and how many times as many there are. */
export type Sample = { tasks: readonly ScheduledTask[]; factor: number };

/**
 * All tasks where they are few and their occurrences are counted quickly. `workOf` gives how many occurrences of a task
 * have to be looked at. Null where the caller is gone.
 */
export async function sampleOf(
  all: readonly ScheduledTask[],
  workOf: (task: ScheduledTask) => number,
  turns: Turns,
  isWanted: () => boolean,
): Promise<Sample | null> {
  let tasks = all;
  let oneIn = Math.ceil(all.length / mostTasks);
  if (oneIn > 1) tasks = oneOf(all, oneIn);
  let work = 0;
  for (const task of tasks) {
    if (turns.areOver()) {
      await turns.take();
      if (!isWanted()) return null;
    }
    work += workOf(task);
  }
  if (work > mostWork + mostTasks) {
    oneIn *= Math.ceil(work / mostWork);
    tasks = oneOf(all, oneIn);
  }
  return { tasks, factor: tasks.length === 0 ? 1 : all.length / tasks.length };
}

/** About one task in so many, spread over all of them whatever the order in which they were made. */
function oneOf(tasks: readonly ScheduledTask[], oneIn: number): ScheduledTask[] {
  return tasks.filter(({ uid }) => spread(uid) % oneIn === 0);
}

/** The finalizer of MurmurHash3 (public domain). */
function spread(uid: number): number {
  let hash = uid | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
