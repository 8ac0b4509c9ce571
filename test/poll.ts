/** Waits for something that tells nobody when it has happened. */

import { setTimeout as sleep } from 'node:timers/promises';

export type PollOptions = {
  /** What is waited for, for the error. */
  what: string;
  /** How long at most, in milliseconds. */
  withinMs?: number;
  everyMs?: number;
};

/**
 * Calls `attempt` until it returns something other than undefined or false, and resolves with that.
 * A throw counts as "not yet"; rejects after `withinMs` (10 s) with the last of them as the cause.
 */
export async function poll<T>(
  attempt: () => Promise<T | undefined | false> | T | undefined | false,
  options: PollOptions,
): Promise<T> {
  const { what, withinMs = 10_000, everyMs = 20 } = options;
  const deadline = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await attempt();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`waited ${withinMs} ms in vain for ${what}`, { cause });
    await sleep(everyMs);
  }
}
