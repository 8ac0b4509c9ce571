/** Reads one run. */

import { isUuid } from '../../domain/input/uuid.ts';
import { secondsPerPriority } from '../../domain/run/run.ts';
import { ok } from '../../errors.ts';
import { findRun, type Run, type WholeRun } from '../../store/runs/history.ts';
import type { UseCaseContext } from '../context.ts';
import { notFound, type Outcome } from '../refusal.ts';
import { type Caller, useCase } from '../use-case.ts';
import { withReasons } from './reasons.ts';

/** Whether a text can be the id of a run at all. */
export function isRunId(text: string): boolean {
  return isUuid(text);
}

export const getRun = useCase('reader', async (context, caller, id: string) => {
  const found = await findKnownRun(context, caller, id);
  if (!found.ok) return found;
  const [{ reason } = found.value] = await withReasons(context, [found.value]);
  return ok({ ...found.value, reason });
});

/** The run of this id in the caller's namespace; any text may be asked for. */
export async function findKnownRun(
  { database }: UseCaseContext,
  { namespace }: Pick<Caller, 'namespace'>,
  id: string,
): Promise<Outcome<WholeRun>> {
  const run = isRunId(id) ? await findRun(database, id) : null;
  return run?.namespace === namespace ? ok(run) : notFound(`run "${id}"`);
}

/** From 0 to 9. A step of priority is a head start of ten seconds among runs that wait. */
export function priorityOf({ dueAt, effectiveDueAt }: Run): number {
  return Math.round((dueAt.getTime() - effectiveDueAt.getTime()) / (secondsPerPriority * 1_000));
}
