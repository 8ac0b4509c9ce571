/**
 * Runs clean-up at the end of a test file, wherever in it the need arose. A set-up file of vitest, see
 * vitest.config.ts.
 */

import { afterAll } from 'vitest';

const steps: (() => Promise<unknown>)[] = [];

/** Runs `step` after the file's last test and its own hooks; the last registered runs first. */
export function atFileEnd(step: () => Promise<unknown>): void {
  steps.push(step);
}

// A worker whose vitest was killed would go on with its test, and keep what the test started, for up to its timeout.
process.once('disconnect', () => process.exit(1));

// Hooks of a set-up file are registered before the file's own, and hooks at the end run in reverse order.
afterAll(async () => {
  const failures: unknown[] = [];
  for (let step = steps.pop(); step; step = steps.pop()) {
    await step().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'clean-up at the end of the file failed');
});
