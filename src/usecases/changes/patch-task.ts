/** Changes some fields of a task by a merge patch (RFC 7396). */

import { isObject, mergePatch } from '../../domain/input/merge-patch.ts';
import type { Warning } from '../../domain/input/warning.ts';
import { alignPatch } from '../../domain/task/credentials.ts';
import type { Targets } from '../../domain/task/target.ts';
import type { TaskDefinition, TaskInput } from '../../domain/task/task.ts';
import { type FieldError, ok } from '../../errors.ts';
import type { Task } from '../../store/tasks/row.ts';
import { malformed, type Outcome } from '../refusal.ts';
import { asOfNow, findLiveTask, type TaskNow } from '../tasks/get-task.ts';
import { authorOf, useCase } from '../use-case.ts';
import { untilWritten } from './change-task.ts';
import { type Expected, otherVersion } from './expected.ts';
import { replaceTask } from './replace-task.ts';

type PatchTask = {
  id: string;
  /** The only task that may have the id: another one counts as not there. */
  uid?: number;
  patch: unknown;
  expected: Expected | null;
  /** Every fault in the form of a task's input; none when it has the form of `TaskInput`. */
  faultsIn: (input: unknown) => FieldError[];
};

type Patched = { task: Task; warnings: readonly Warning[] };

export const patchTask = useCase(
  'admin',
  async (context, caller, { id, uid, patch, expected, faultsIn }: PatchTask): Promise<Outcome<TaskNow & Patched>> => {
    const done = await untilWritten<Patched>(context, async () => {
      const found = await findLiveTask(context, caller, id, uid);
      if (!found.ok) return found;
      const current = found.value;
      const other = otherVersion(expected, current);
      if (other) return other;
      if (!isObject(patch)) return malformed([{ pointer: '#', detail: 'must be an object' }]);
      const merged = patched(current.definition, patch, context.targets);
      const errors = faultsIn(merged);
      if (errors.length > 0) return malformed(errors);
      const warnings: Warning[] = [];
      const replaced = await replaceTask(context, authorOf(caller), current, merged as TaskInput, warnings);
      return replaced.ok ? ok(replaced.value && { task: replaced.value, warnings }) : replaced;
    });
    if (!done.ok) return done;
    const { task, warnings } = done.value;
    return ok({ ...(await asOfNow(context, task)), warnings });
  },
);

/** The stored definition in the form of an input, with the patch applied. */
function patched(definition: TaskDefinition, patch: Record<string, unknown>, targets: Targets): unknown {
  const { status: _, target, fallback, ...rest } = definition;
  const stored = {
    ...rest,
    target: targets.asInput(target, patch.target),
    fallback: fallback && targets.asInput(fallback, patch.fallback),
  };
  return mergePatch(otherForm(stored, patch), alignPatch(patch, definition, targets));
}

/** A patch that names another form of schedule means that form, not a mixture: the old one's members go first. */
function otherForm(stored: object, patch: Record<string, unknown>): object {
  if (!isObject(patch.schedule)) return stored;
  const forms = ['cron', 'every', 'at', 'delay', 'manual'];
  const named = forms.filter((form) => isObject(patch.schedule) && patch.schedule[form] != null);
  const { schedule, ...rest } = stored as TaskDefinition;
  const { cron, timezone } = patch.schedule;
  // The zone before a pattern stands for the one beside it.
  if (timezone === undefined && typeof cron === 'string' && /^\s*(?:CRON_)?TZ=/.test(cron)) return rest;
  return named.length === 0 || named.some((form) => form in schedule) ? stored : rest;
}
