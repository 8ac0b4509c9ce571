/** Calls the target of a task once, in any status of the task and without a run. */

import { parseDuration } from '../../domain/input/duration.ts';
import { audited } from '../audit/audited.ts';
import type { Outcome } from '../refusal.ts';
import { findLiveTask } from '../tasks/get-task.ts';
import { useCase } from '../use-case.ts';
import { longestTestMs, makeTestCall, type OnGone } from './test-call.ts';

type TestTask = { id: string; onGone: OnGone };

/** The request and the outcome. The timeout is the task's, and a minute at most. */
export const testTask = useCase(
  'operator',
  async (context, caller, { id, onGone }: TestTask): Promise<Outcome<object>> => {
    const found = await findLiveTask(context, caller, id);
    if (!found.ok) return found;
    const { target, timeout, heartbeatTimeout, name, labels, signing } = found.value.definition;
    const call = {
      ...{ namespace: caller.namespace, taskId: id, target, about: { name, labels } },
      timeoutMs: Math.min(parseDuration(timeout) ?? 0, longestTestMs),
      holdMs: heartbeatTimeout === null ? null : parseDuration(heartbeatTimeout),
      signing: signing?.secret ?? null,
    };
    return makeTestCall(context, call, onGone, () =>
      audited(context, caller, (_db, note) => note({ type: 'task.tested', subject: `task:${id}` })),
    );
  },
);
