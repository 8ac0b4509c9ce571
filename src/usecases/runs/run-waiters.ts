/** Callers that wait for the end of a run: one signal and one query serve all of them. */

import type { Clock, Timer } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';

export type RunWaiters = {
  /**
   * Resolves when the run is over, `ms` have passed or the caller is gone. Null, without waiting, when the caller or
   * all callers together have too many requests waiting.
   */
  wait(runId: string, ms: number, caller: string, onGone: (gone: () => void) => void): Promise<void> | null;
  /** Called when a run has ended on some replica: looks whether a caller waits for it. */
  look(): void;
  waiting(): number;
};

/** The most waits of one caller (by name, in open mode by address), and in all. */
const mostOfCaller = 64;
const mostInAll = 256;
/** Without a signal (no Redis, or a lost message) an end is seen after so many milliseconds. */
const pollMs = 250;

type Waiter = { runId: string; caller: string; done: () => void };

/** `over` tells which of these runs are over. */
export function createRunWaiters(
  over: (runIds: readonly string[]) => Promise<readonly string[]>,
  clock: Clock,
  log: Logger,
): RunWaiters {
  const waiters = new Set<Waiter>();
  const byCaller = new Map<string, number>();
  let timer: Timer | null = null;
  let asking = false;
  let askAgain = false;

  function look(): void {
    timer?.cancel();
    timer = null;
    if (asking) askAgain = true;
    else if (waiters.size > 0) void ask();
  }

  async function ask(): Promise<void> {
    asking = true;
    askAgain = false;
    try {
      const ended = new Set(await over([...new Set([...waiters].map(({ runId }) => runId))]));
      for (const waiter of waiters) if (ended.has(waiter.runId)) waiter.done();
    } catch (error) {
      // On an error each caller is answered at the end of the time that it asked for.
      log.debug({ err: error }, 'could not look for the ends of runs');
    }
    asking = false;
    if (waiters.size === 0) return;
    if (askAgain) void ask();
    else timer = clock.after(pollMs, look);
  }

  return {
    wait(runId, ms, caller, onGone) {
      const own = byCaller.get(caller) ?? 0;
      if (own >= mostOfCaller || waiters.size >= mostInAll) return null;
      byCaller.set(caller, own + 1);
      return new Promise<void>((resolve) => {
        const limit = clock.after(ms, () => waiter.done());
        const waiter: Waiter = {
          runId,
          caller,
          done() {
            if (!waiters.delete(waiter)) return;
            limit.cancel();
            const left = (byCaller.get(caller) ?? 1) - 1;
            if (left > 0) byCaller.set(caller, left);
            else byCaller.delete(caller);
            resolve();
          },
        };
        waiters.add(waiter);
        onGone(waiter.done);
        // The run may have ended before the wait began.
        look();
      });
    },
    look,
    waiting: () => waiters.size,
  };
}
