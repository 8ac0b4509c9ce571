/** Cancels one run. */

import { ok } from '../../errors.ts';
import { cancelRun as markCancelled } from '../../store/runs/completing/cancelling.ts';
import { logChange } from '../audit/log-change.ts';
import { refuse } from '../refusal.ts';
import { authorOf, useCase } from '../use-case.ts';
import { findKnownRun } from './get-run.ts';

/**
 * Cancels a run that waits. A running attempt is marked, and aborted by the replica that has it. Gives back the run as
 * it is then.
 */
export const cancelRun = useCase('operator', async (context, caller, id: string) => {
  const found = await findKnownRun(context, caller, id);
  if (!found.ok) return found;
  const author = authorOf(caller);
  const answer = await markCancelled(context.database.pool, found.value.id, author, context.now());
  if (answer?.result === 'over') return refuse('illegal_transition', 'the run is already over');
  const { namespace, taskId } = found.value;
  if (answer !== null)
    logChange(context, author, 'run.cancelled', { namespace, id: taskId }, { runId: found.value.id });
  context.noteRuns(namespace, taskId);
  context.metrics.cancelled('request', 1);
  if (answer?.result === 'cancelled') {
    context.signal('over');
    // It may have held a place that is free now.
    context.signal('waiting');
  } else {
    context.signal('cancel');
  }
  const run = await findKnownRun(context, caller, id);
  return run.ok ? ok(run.value) : run;
});
