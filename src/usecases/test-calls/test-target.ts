/** Calls a target once that belongs to no task. */

import { readDuration } from '../../domain/input/duration.ts';
import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import { restoreCredentials } from '../../domain/task/credentials.ts';
import { audited } from '../audit/audited.ts';
import { taskContext } from '../context.ts';
import { meaningless, type Outcome } from '../refusal.ts';
import { missingSecrets } from '../secrets/task-secrets.ts';
import { useCase } from '../use-case.ts';
import { longestTestMs, makeTestCall, type OnGone } from './test-call.ts';

/** `target` as the input of a task has it; `timeout` is a duration, null for 30 seconds. */
type TestTarget = { target: unknown; timeout: string | null; onGone: OnGone };

/** The request and the outcome. The target is read as that of a new task. */
export const testTarget = useCase(
  'admin',
  async (context, caller, { timeout, onGone, ...asked }: TestTarget): Promise<Outcome<object>> => {
    const { namespace } = caller;
    const given = restoreCredentials(asked, null, context.targets);
    if (!given.ok) return meaningless(given.errors);
    const reader = taskContext(context, namespace, []).targets;
    const read = reader.read(given.value.target, { pointer: '#/target', stored: null });
    const timeoutMs = readDuration(timeout ?? '30s');
    const errors = read.ok ? [] : [...read.errors];
    if (!timeoutMs.ok) errors.push({ pointer: '#/timeout', detail: timeoutMs.errors });
    else if (timeoutMs.value < 1 || timeoutMs.value > longestTestMs)
      errors.push({ pointer: '#/timeout', detail: 'must lie between 1ms and 1m' });
    if (!read.ok || !timeoutMs.ok || errors.length > 0) return meaningless(errors);
    const target = read.value;
    const using = { target, fallback: null, hooks: null };
    const missing = await missingSecrets(context, context.database.pool, namespace, using);
    if (missing.length > 0) return meaningless(missing);
    const taskId = timeOrderedId(context.now(), context.random);
    const call = { namespace, taskId, target, timeoutMs: timeoutMs.value, holdMs: null, about: null, signing: null };
    return makeTestCall(context, call, onGone, () =>
      audited(context, caller, (_db, note) => note({ type: 'target.tested', subject: `target:${target.type}` })),
    );
  },
);
