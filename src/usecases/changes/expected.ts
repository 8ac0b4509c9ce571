/** Changes that are meant for a certain version of a task. */

import type { Task } from '../../store/tasks/row.ts';
import type { Refused } from '../refusal.ts';

/** Whether the task is in a version that the caller means to change. */
export type Expected = (task: Task) => boolean;

/** A refusal where the task is in another version than `expected`; null where it is not, or any version will do. */
export function otherVersion(expected: Expected | null, task: Task): Refused | null {
  if (expected === null || expected(task)) return null;
  return { ok: false, errors: { kind: 'other_version', version: task.version } };
}
