/** A test call: one call of a target that belongs to no run, and what came of it. */

import { type Detail, httpStatusOf } from '../../domain/run/detail.ts';
import type { Target } from '../../domain/task/target.ts';
import { ok } from '../../errors.ts';
import { meaningless, type Outcome, refuse } from '../refusal.ts';

export type TestCall = {
  namespace: string;
  /** The id that the target is told. */
  taskId: string;
  target: Target;
  timeoutMs: number;
  /** How long the target may be silent after a 202, in milliseconds; null where that is an answer as any other. */
  holdMs: number | null;
  about: { name: string; labels: Record<string, string> } | null;
  /** The task's own signing secrets; null for none. */
  signing: string | null;
};

export type TestOutcome = {
  status: 'succeeded' | 'failed' | 'timed_out' | 'cancelled' | 'held' | 'deferred';
  detail: Detail | null;
  output: string | null;
  error: { kind: string; message: string } | null;
  /** Whether a rule about addresses refused the target. */
  isDenied?: boolean;
};

/** `request` is what was sent, without credentials. */
export type Tested = { request: object; outcome: TestOutcome; durationMs: number };

export type StartedTest = { tested: Promise<Tested>; cancel(): void };

/** Starts a test call; null where too many are under way. */
export type StartTest = (call: TestCall) => StartedTest | null;

/** Calls its argument when the caller does not wait any longer. */
export type OnGone = (cancel: () => void) => void;

/** The longest test call, in milliseconds. */
export const longestTestMs = 60_000;

/** Makes the call once `note` has written it down, and tells what came of it. */
export async function makeTestCall(
  { startTest }: { startTest: StartTest },
  call: TestCall,
  onGone: OnGone,
  note: () => Promise<void>,
): Promise<Outcome<object>> {
  let isGone = false;
  let cancel = () => {};
  onGone(() => {
    isGone = true;
    cancel();
  });
  await note();
  const started = isGone ? null : startTest(call);
  if (started === null) return refuse('too_many_requests', 'too many test calls are under way: try again later');
  cancel = started.cancel;
  const { request, outcome, durationMs } = await started.tested;
  const { status, detail, output, error } = outcome;
  if (outcome.isDenied)
    return meaningless([{ pointer: '#/target', detail: error?.message ?? 'has an address that is not allowed' }]);
  if (status === 'deferred') return refuse('unavailable', 'no connection to the target became free: try again later');
  return ok({ request, outcome: { status, httpStatus: httpStatusOf(detail), output, error, durationMs } });
}
