/** Counts changes by task, for a hint about what changed in a moment. */

export const topics = ['runs', 'tasks', 'cluster'] as const;
/** A kind of change that a client can ask to be told of. */
export type Topic = (typeof topics)[number];

/** Changes of one topic in one namespace. */
export type Tally = {
  /** How many there were. */
  count: number;
  /** How many of them each task had, in the order in which the tasks came. */
  byTask: Map<string, number>;
  /** How many of them are counted for no task: there were too many tasks. */
  others: number;
};

/** So many tasks are counted apart. */
const mostTasks = 1_000;
/** So many tasks stand in a hint. */
const mostNamed = 20;

export function emptyTally(): Tally {
  return { count: 0, byTask: new Map(), others: 0 };
}

/** Adds changes of a task; null for changes that belong to no task. */
export function addChanges(tally: Tally, task: string | null, count: number): void {
  tally.count += count;
  if (task === null) return;
  const before = tally.byTask.get(task);
  if (before !== undefined || tally.byTask.size < mostTasks) tally.byTask.set(task, (before ?? 0) + count);
  else tally.others += count;
}

/** Adds changes of tasks that are not known. */
export function addOthers(tally: Tally, count: number): void {
  tally.count += count;
  tally.others += count;
}

/** The data of a hint, as JSON text. */
export function hintOf({ count, byTask }: Pick<Tally, 'count' | 'byTask'>): string {
  const tasks: string[] = [];
  for (const task of byTask.keys()) {
    if (tasks.length === mostNamed) break;
    tasks.push(task);
  }
  return JSON.stringify({ count, tasks });
}

/**
 * The data of a hint for who follows one task; null where none of the changes were its. Where changes are counted for
 * no task, one of them may have been.
 */
export function hintFor(task: string, { byTask, others }: Tally): string | null {
  const count = byTask.get(task) ?? (others > 0 ? 1 : 0);
  return count === 0 ? null : JSON.stringify({ count, tasks: [task] });
}

/** The tally without the tasks that a hint does not name, to be kept for longer. */
export function withoutUnnamed({ count, byTask, others }: Tally): Tally {
  const named = new Map([...byTask].slice(0, mostNamed));
  let left = others;
  for (const [task, changes] of byTask) if (!named.has(task)) left += changes;
  return { count, byTask: named, others: left };
}
