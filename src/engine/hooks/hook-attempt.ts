/** A call to a hook as the executors know calls. */

import { parseDuration } from '../../domain/input/duration.ts';
import type { Hook } from '../../domain/task/policies.ts';
import type { Target } from '../../domain/task/target.ts';
import type { Attempt } from '../../executors/executor.ts';

/** The subject of the call. */
export type HookSubject = Pick<
  Attempt,
  'namespace' | 'taskId' | 'runId' | 'scheduledFor' | 'trigger' | 'attempt' | 'signing'
> & {
  /** The same at every try. */
  messageId: string;
};

/** A hook has no template and no fallback. `target` sends its message. */
export function hookAttempt({ timeout }: Hook, target: Target, about: HookSubject): Attempt {
  return {
    ...about,
    target,
    timeoutMs: parseDuration(timeout) ?? 0,
    fallback: null,
    about: null,
    holdMs: null,
    atMostOnce: false,
    token: null,
  };
}
