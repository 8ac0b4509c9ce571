/** Ends everything that a bench started, however the bench ends: done, failed or interrupted. */

/** Takes a step for the end; the last one taken is done first. */
export type Later = (step: () => Promise<unknown>) => void;

/**
 * Runs `work`, then the steps it left for later, also after an error, Ctrl-C or SIGTERM. Where even that is cut short
 * (SIGKILL), the guard of each process that was started ends it.
 */
export async function runBench(work: (later: Later) => Promise<void>): Promise<void> {
  const steps: (() => Promise<unknown>)[] = [];
  let ending: Promise<void> | null = null;

  async function endAll(): Promise<void> {
    for (let step = steps.pop(); step; step = steps.pop()) {
      await step().catch((error: unknown) => console.error('clean-up failed:', error));
    }
  }
  function end(): Promise<void> {
    ending ??= endAll();
    return ending;
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      console.error(`\n${signal}: cleaning up`);
      void end().then(() => process.exit(130));
    });
  }
  try {
    await work((step) => void steps.push(step));
  } catch (error) {
    // What fails because everything is being ended is no news.
    if (ending === null) {
      console.error(error instanceof Error ? error : String(error));
      process.exitCode = 1;
    }
  }
  await end();
}
