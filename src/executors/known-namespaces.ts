/** Holds attempts back until the rules of their namespace are known, because no target may be called without them. */

import type { Namespaces } from '../domain/access/namespace-rules.ts';
import type { Executor, Outcome, StartedAttempt } from './executor.ts';
import { deferredOutcome, failedOutcome } from './outcomes.ts';

const retryMs = 1_000;

/** `start`, for attempts in namespaces that are known. Only those made a moment ago on another replica are not. */
export function startInKnown(start: Executor, namespaces: Pick<Namespaces, 'rulesOf' | 'learn'>): Executor {
  function learnFirst(attempt: Parameters<Executor>[0]): StartedAttempt {
    const { namespace } = attempt;
    let started: StartedAttempt | null = null;
    let isCancelled = false;
    const outcome = namespaces.learn(namespace).then(
      (rules): Outcome | Promise<Outcome> => {
        if (isCancelled)
          return {
            ...failedOutcome({ kind: 'cancelled', message: 'the attempt was cancelled' }),
            status: 'cancelled',
          };
        if (rules === null)
          return failedOutcome({ kind: 'internal', message: `namespace "${namespace}" does not exist any more` }, true);
        started = start(attempt);
        return started.outcome;
      },
      () => deferredOutcome(retryMs, 'origin_full'),
    );
    return {
      outcome,
      cancel() {
        isCancelled = true;
        started?.cancel();
      },
    };
  }

  return (attempt) => (namespaces.rulesOf(attempt.namespace) === null ? learnFirst(attempt) : start(attempt));
}
