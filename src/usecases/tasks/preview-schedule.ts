/** Describes a schedule and lists its next instants, without storing anything. */

import { parseDuration } from '../../domain/input/duration.ts';
import type { Warning } from '../../domain/input/warning.ts';
import { describeSchedule } from '../../domain/schedule/describe.ts';
import { compileSchedule, instantsAfter, readSchedule } from '../../domain/schedule/schedule.ts';
import { activeFromFor, defaultMisfire } from '../../domain/task/task.ts';
import { ok } from '../../errors.ts';
import { inTurns } from '../../turns.ts';
import { meaningless } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import { warnOfOldZones } from '../zones.ts';

type PreviewSchedule = {
  /** As the input of a task has it. */
  schedule: unknown;
  /** The task whose id the `H` in a pattern is computed from; null for none. */
  taskId: string | null;
  /** Epoch milliseconds; null for now. */
  from: number | null;
  count: number;
  /** Whether the caller still waits for the answer. */
  isWanted: () => boolean;
};

/** The schedule in its long form and in words, and its next instants in epoch milliseconds. */
export const previewSchedule = useCase('reader', async (context, _caller, input: PreviewSchedule) => {
  const { calendar, now, turns } = context;
  await turns.take();
  const warnings: Warning[] = [];
  const from = input.from ?? now();
  const read = readSchedule(
    input.schedule,
    {
      now: from,
      graceMs: parseDuration(defaultMisfire.grace) ?? 0,
      taskId: input.taskId,
      warn: (code, pointer, detail) => warnings.push({ code, pointer, detail }),
    },
    calendar,
  );
  if (!read.ok) return meaningless(read.errors);
  warnOfOldZones(context, read.value, warnings);
  const compiled = compileSchedule(read.value, calendar);
  // As for a new task: a single instant that has just passed still counts.
  const after = activeFromFor(read.value, from);
  const next =
    compiled === null ? [] : await inTurns(instantsAfter(compiled, after), input.count, turns, input.isWanted);
  return ok({ canonical: read.value, description: describeSchedule(read.value), next, warnings });
});
