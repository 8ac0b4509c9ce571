/** Makes test calls: attempts of no run, a few at a time. */

import type { Clock } from '../clock.ts';
import type { Targets } from '../domain/task/target.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from './executor.ts';

type Call = Pick<Attempt, 'namespace' | 'taskId' | 'target' | 'timeoutMs' | 'holdMs' | 'about' | 'signing'>;
type Started = { tested: Promise<{ request: object; outcome: Outcome; durationMs: number }>; cancel(): void };

export type TestCallOptions = {
  start: Executor;
  targets: Pick<Targets, 'redact' | 'asShown'>;
  clock: Pick<Clock, 'monotonic'>;
  now(): number;
  newId(): string;
};

/** So many are under way at a time. */
const mostAtATime = 8;

/** A call is sent at most once. The answer is null where too many are under way. */
export function createTestCalls({ start, targets, clock, now, newId }: TestCallOptions) {
  let underWay = 0;

  async function follow(begin: () => StartedAttempt, sent: () => object) {
    const from = clock.monotonic();
    try {
      const outcome = await begin().outcome;
      return { request: sent(), outcome, durationMs: Math.round(clock.monotonic() - from) };
    } finally {
      underWay--;
    }
  }

  return (call: Call): Started | null => {
    if (underWay >= mostAtATime) return null;
    underWay++;
    let request: object | null = null;
    let attempt: StartedAttempt | null = null;
    const begin = () => {
      attempt = start({
        ...{ ...call, runId: newId(), attempt: 1, scheduledFor: now(), trigger: 'test', origin: null, input: null },
        ...{ fallback: null, token: null, atMostOnce: true },
        // Where a redirect is followed, the first request counts.
        onRequest: (sent) => {
          request ??= sent;
        },
      });
      return attempt;
    };
    // A call that was not sent, or whose kind does not tell: the target stands for its request.
    const tested = follow(begin, () => request ?? targets.asShown(targets.redact(call.target)));
    return { tested, cancel: () => attempt?.cancel() };
  };
}
