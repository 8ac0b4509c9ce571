/** Reads the answer of `hooks.before`: it decides about the run that waits for it. */

import type { BeforeHook } from '../task/policies.ts';

/** How the call ended; `status` is `succeeded` for a whole answer of 2xx. */
export type BeforeAnswer = {
  status: string;
  httpStatus: number | null;
  /** The beginning of the answer; null where there was none. */
  output: string | null;
  error: { message: string } | null;
};

/**
 * The hook said `passed` or `skipped`. After `failed`, which is no usable answer, `onError` has decided.
 * The run goes on where `skipReason` is null.
 */
export type BeforeVerdict = { outcome: 'passed' | 'skipped' | 'failed'; skipReason: string | null };

/** A hook skips the run with one of these: 409 Conflict or 412 Precondition Failed. */
const skips: readonly (number | null)[] = [409, 412];
const longestText = 200;

export function judgeBefore(answer: BeforeAnswer, onError: BeforeHook['onError']): BeforeVerdict {
  // The status alone decides, even where the rest of the answer never came.
  if (skips.includes(answer.httpStatus)) {
    const text = oneLine(answer.output ?? '');
    const said = `before hook answered ${answer.httpStatus}`;
    return { outcome: 'skipped', skipReason: text === '' ? said : `${said}: ${text}` };
  }
  if (answer.status === 'succeeded') return { outcome: 'passed', skipReason: null };
  const why = oneLine(answer.error?.message ?? 'no answer');
  return { outcome: 'failed', skipReason: onError === 'skip' ? `before hook failed: ${why}` : null };
}

/** The first 200 characters of a text on one line. */
function oneLine(text: string): string {
  const line = text.replace(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length <= longestText ? line : Array.from(line).slice(0, longestText).join('').trimEnd();
}
