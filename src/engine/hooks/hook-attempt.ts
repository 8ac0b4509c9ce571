/** A call to a hook as the executors know calls. */

import { parseDuration } from '../../domain/input/duration.ts';
import type { Hook } from '../../domain/task/policies.ts';
import type { Attempt } from '../../executors/executor.ts';

/** What is sent, and what it is about. */
export type HookMessage = Pick<Attempt, 'taskId' | 'runId' | 'scheduledFor' | 'trigger' | 'attempt' | 'signing'> & {
  /** The same at every try. */
  messageId: string;
  contentType: string;
  body: object;
};

/** Neither a template nor a fallback: a hook is called as it stands. */
export function hookAttempt({ url, headers, timeout }: Hook, message: HookMessage): Attempt {
  const { contentType, body, ...about } = message;
  return {
    ...about,
    target: {
      type: 'http',
      method: 'POST',
      url,
      headers: { ...headers, 'content-type': contentType },
      body,
      successStatus: ['2xx'],
    },
    timeoutMs: parseDuration(timeout) ?? 0,
    fallback: null,
    about: null,
    acceptsLater: false,
    atMostOnce: false,
    token: null,
  };
}
