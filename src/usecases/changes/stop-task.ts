/** Stops an active task: nothing of it starts once this is answered. */

import { refuse } from '../refusal.ts';
import { findLiveTask, taskNow } from '../tasks/get-task.ts';
import { authorOf, useCase } from '../use-case.ts';
import { type CancelledRuns, changeTask, holdAgain, untilWritten } from './change-task.ts';

/** `cancel` says which of its runs are cancelled. `source` is the caller's name for the cause of the request. */
type StopTask = { id: string; uid?: number; cancel: CancelledRuns; source: string | null };

export const stopTask = useCase('operator', async (context, caller, { id, uid, cancel, source }: StopTask) =>
  taskNow(
    context,
    await untilWritten(context, async () => {
      const found = await findLiveTask(context, caller, id, uid);
      if (!found.ok) return found;
      const { definition } = found.value;
      if (definition.status === 'stopped') {
        await holdAgain(context, found.value, cancel);
        return refuse('illegal_transition', 'the task is stopped already');
      }
      const wish = { definition, status: 'stopped' as const, catchUp: 'skip' as const };
      return changeTask(context, found.value, { type: 'stopped', wish, author: authorOf(caller, source), cancel });
    }),
  ),
);
