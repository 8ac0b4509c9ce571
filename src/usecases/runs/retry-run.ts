/** Runs the task of a run that is over once more, as a new run. */

import { isOver } from '../../domain/run/run.ts';
import type { Trace } from '../../domain/run/trace.ts';
import { ok } from '../../errors.ts';
import { findRun } from '../../store/runs/history.ts';
import { findTask } from '../../store/tasks/tasks.ts';
import { logChange } from '../audit/log-change.ts';
import { refuse } from '../refusal.ts';
import { authorOf, useCase } from '../use-case.ts';
import { findKnownRun } from './get-run.ts';
import { announceRun, makeRun, retryOnConflict } from './make-run.ts';

/** `trace` is the one that the new run belongs to; null for a trace of its own. */
type RetryRun = { id: string; trace: Trace | null };

/** The new run has the input and the source of the first one. */
export const retryRun = useCase('operator', async (context, caller, { id, trace }: RetryRun) => {
  const found = await findKnownRun(context, caller, id);
  if (!found.ok) return found;
  const run = found.value;
  if (!isOver(run.status)) return refuse('illegal_transition', `the run is still ${run.status}`);
  const task = await findTask(context.database.pool, run.namespace, run.taskId);
  // Another task may have got the same id meanwhile.
  if (task?.uid !== run.taskUid) return deleted;
  const wanted = {
    uid: task.uid,
    overlap: task.definition.overlap,
    trigger: 'retry' as const,
    origin: { source: run.origin?.source ?? null, requestId: caller.requestId, trace },
    input: run.input,
    priority: null,
    scheduledFor: null,
  };
  const author = authorOf(caller);
  const made = await retryOnConflict(() => makeRun(context, wanted, author));
  if (made === null) return deleted;
  logChange(context, author, 'run.retried', task, { runId: made.runId, trigger: 'retry' });
  announceRun(context, task, made);
  return ok({ runId: made.runId, run: await findRun(context.database, made.runId) });
});

const deleted = refuse('illegal_transition', 'the task of this run has been deleted');
