/** Collects the clean-up that is due at the end of a test file, wherever in it the need arises. */

const steps: (() => Promise<unknown>)[] = [];

/** Runs `step` after the file's last test and its own hooks; the last registered runs first. */
export function atFileEnd(step: () => Promise<unknown>): void {
  steps.push(step);
}

/** Runs every step that was registered since the last call; rejects after the last one with what failed. */
export async function runFileEnd(): Promise<void> {
  const failures: unknown[] = [];
  for (let step = steps.pop(); step; step = steps.pop()) {
    await step().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'clean-up at the end of the file failed');
}

/** Ends this process: for a worker whose vitest is gone. */
export function endOrphan(): void {
  process.exit(1);
}
