/** A clock for tests that stands still until it is moved. */

import type { Clock } from '../src/clock.ts';

export type HandClock = Clock & {
  /**
   * Moves time on, calling what falls due on the way, in order and each at its moment, and letting promises complete
   * before and after each.
   */
  advance(ms: number): Promise<void>;
  /**
   * Moves time on without calling anything, as if the process had been stopped; what is overdue comes with
   * `advance(0)`.
   */
  freeze(ms: number): void;
  /** Sets the wall clock off by so much; the monotonic clock knows nothing of it. */
  jumpWall(ms: number): void;
  /** Lets so much time pass for the rest of the world while this machine sleeps. */
  sleep(ms: number): void;
  /** How many timers wait. */
  pending(): number;
};

export function createClock(wall = Date.UTC(2031, 0, 1)): HandClock {
  const timers = new Set<{ at: number; run: () => void }>();
  let elapsed = 0;
  let offset = wall;
  let asleep = 0;
  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    uptime: () => elapsed + asleep,
    after(ms, run) {
      const timer = { at: elapsed + ms, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(ms) {
      const until = elapsed + ms;
      await runDueCallbacks();
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (!next) break;
        timers.delete(next);
        elapsed = Math.max(elapsed, next.at);
        next.run();
        await runDueCallbacks();
      }
      elapsed = Math.max(elapsed, until);
    },
    freeze(ms) {
      elapsed += ms;
    },
    jumpWall(ms) {
      offset += ms;
    },
    sleep(ms) {
      asleep += ms;
      offset += ms;
    },
    pending: () => timers.size,
  };
}

/** Lets the callbacks of all settled promises run. */
export async function runDueCallbacks(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resume) => setImmediate(resume));
}
