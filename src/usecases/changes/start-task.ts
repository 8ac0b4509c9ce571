/** Starts a task that is stopped or completed. */

import type { Misfire } from '../../domain/schedule/misfire.ts';
import { refusalOfGap } from '../quotas.ts';
import { refuse } from '../refusal.ts';
import { findLiveTask, taskNow } from '../tasks/get-task.ts';
import { authorOf, useCase } from '../use-case.ts';
import { refusalOfOldZones } from '../zones.ts';
import { changeTask, untilWritten } from './change-task.ts';

/**
 * `catchUp` is the policy for occurrences missed since the stop. `source` is the caller's name for the cause of the
 * request. Another task
 * of the id than `uid` counts as not there.
 */
type StartTask = { id: string; uid?: number; catchUp: Misfire['policy']; source: string | null };

export const startTask = useCase('operator', async (context, caller, { id, uid, catchUp, source }: StartTask) =>
  taskNow(
    context,
    await untilWritten(context, async () => {
      const found = await findLiveTask(context, caller, id, uid);
      if (!found.ok) return found;
      const { definition } = found.value;
      const outdated = catchUp === 'skip' ? null : refusalOfOldZones(context, definition.schedule);
      if (outdated) return outdated;
      if (definition.status === 'active') return refuse('illegal_transition', 'the task is active already');
      const refused = refusalOfGap(context, caller.namespace, definition);
      if (refused) return refused;
      const wish = { definition, status: 'active' as const, catchUp };
      return changeTask(context, found.value, { type: 'started', wish, author: authorOf(caller, source) });
    }),
  ),
);
