/** What a change of a task's definition means: for its status, and for what is due when. */

import type { FieldError } from '../errors.ts';
import type { Calendar } from './calendar.ts';
import { activeFromFor, changesTiming, checkOccurs, type TaskDefinition, type TaskStatus, taskSteps } from './task.ts';

/** The definition to store, and the instant its occurrences begin after if they change (epoch milliseconds). */
export type Revision = { definition: TaskDefinition; activeFrom: number | null };

export type RevisionFault =
  | { kind: 'illegal_transition'; detail: string }
  | { kind: 'meaningless'; errors: FieldError[] };

/**
 * Replaces a definition. `status` is what the client asked for, null to keep what the task has; a completed task whose
 * timing changes is active again. Null when nothing changes at all.
 */
export function revise(
  current: { definition: TaskDefinition; activeFrom: number },
  wanted: TaskDefinition,
  status: TaskStatus | null,
  now: number,
  calendar: Calendar,
): { ok: true; revision: Revision } | { ok: false; fault: RevisionFault } {
  const before = current.definition;
  const timed = changesTiming(before, { ...wanted, status: before.status });
  const next = status ?? (before.status === 'completed' && timed ? 'active' : before.status);
  if (next !== before.status && !taskSteps[before.status].includes(next))
    return {
      ok: false,
      fault: { kind: 'illegal_transition', detail: `a task that is ${before.status} cannot become ${next}` },
    };
  const definition = { ...wanted, status: next };
  if (!changesTiming(before, definition)) return { ok: true, revision: { definition, activeFrom: null } };
  const activeFrom = timed ? activeFromFor(definition.schedule, now) : now;
  if (next === 'active') {
    const occurs = checkOccurs(definition, activeFrom, calendar);
    if (!occurs.ok) return { ok: false, fault: { kind: 'meaningless', errors: occurs.errors } };
  }
  return { ok: true, revision: { definition, activeFrom } };
}

/** A fixed rate that is written again without its anchor keeps the one it has: repeating a PUT must not move it. */
export function keepAnchor(stored: TaskDefinition, wanted: TaskDefinition, input: unknown): TaskDefinition {
  const { schedule } = wanted;
  if (!('every' in schedule) || !('every' in stored.schedule) || schedule.every !== stored.schedule.every)
    return wanted;
  const anchored = typeof input === 'object' && input !== null && 'anchor' in input && input.anchor !== null;
  return anchored ? wanted : { ...wanted, schedule: stored.schedule };
}
