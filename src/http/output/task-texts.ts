/**
 * The JSON text of tasks in lists. It is written once for each version of a task, and kept for the tasks that were
 * listed last.
 */

import { LRUCache } from 'lru-cache';
import { type Role, roleAllows } from '../../domain/access/role.ts';
import { nextOccurrence, type Timing } from '../../domain/schedule/occurrence.ts';
import type { ListedTask } from '../../store/tasks/pages.ts';
import type { Task } from '../../store/tasks/row.ts';
import { timingOfActive } from '../../usecases/tasks/next-occurrences.ts';
import type { HttpContext } from '../context.ts';
import { changingView, definitionView } from './views.ts';
import { writeAnswer } from './write-answer.ts';

/** The texts of one version of a task, as one kind of role sees it. */
type Kept = {
  version: number;
  /** The beginning of the task's JSON text, without the members that change by themselves. */
  text: string;
  timing: Timing | null;
  /** The next occurrence after `from`, in epoch milliseconds; null when there is none. */
  next: { from: number; at: number | null };
};

export type TaskTexts = {
  /** Keeps the text of a task. */
  keep(task: Task, role: Role): void;
  /** Whether the text has to be computed rather than put together: a next occurrence may take a while to find. */
  isSlow(task: ListedTask, role: Role, now: number): boolean;
  /** The JSON text of a task as of `now` (epoch milliseconds); null where it is not kept. */
  textOf(task: ListedTask, role: Role, now: number): string | null;
};

/** In characters, which take a byte each where they are ASCII. */
const mostKept = 8 * 1024 * 1024;

export function createTaskTexts({ calendar, targets }: Pick<HttpContext, 'calendar' | 'targets'>): TaskTexts {
  const kept = new LRUCache<number, Kept>({ maxSize: mostKept, sizeCalculation: ({ text }) => text.length });
  // Callers that may change a task see more of it.
  const keyOf = (uid: number, role: Role) => 2 * uid + Number(roleAllows(role, 'admin'));
  const find = ({ uid, version }: ListedTask, role: Role) => {
    const found = kept.get(keyOf(uid, role));
    return found?.version === version ? found : null;
  };

  const isOld = ({ timing, next }: Kept, now: number) =>
    timing !== null && (now < next.from || (next.at !== null && now >= next.at));

  return {
    isSlow(task, role, now) {
      const found = find(task, role);
      return found !== null && isOld(found, now);
    },
    keep(task, role) {
      const text = writeAnswer(definitionView(task, role, targets)).slice(0, -1);
      const next = { from: Number.POSITIVE_INFINITY, at: null };
      kept.set(keyOf(task.uid, role), { version: task.version, text, timing: timingOfActive(task, calendar), next });
    },
    textOf(task, role, now) {
      const found = find(task, role);
      if (found === null) return null;
      const { text, timing } = found;
      if (timing !== null && isOld(found, now)) found.next = { from: now, at: nextOccurrence(timing, now) };
      const next = timing === null || task.runsLeft === 0 ? null : found.next.at;
      return `${text},${JSON.stringify(changingView(next, task.lastRun, task.strip)).slice(1)}`;
    },
  };
}
