/** How late timers are: one measurement for all scrapers. */

import { monitorEventLoopDelay } from 'node:perf_hooks';

export type LagWatch = {
  /** The 99th percentile of the delay of timers in the last 15 to 30 seconds, in seconds. */
  seconds(): number;
  stop(): void;
};

const resolutionMs = 10;
/** Prometheus scrapes about as often. */
const windowMs = 15_000;

/** Begins to measure. `monotonic` gives milliseconds. */
export function watchLag(monotonic: () => number): LagWatch {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let before = 0;
  let since = monotonic();

  /** The measured time includes the timer's own period. */
  const measured = () => (histogram.count > 0 ? Math.max(0, histogram.percentile(99) / 1e9 - resolutionMs / 1_000) : 0);

  return {
    seconds() {
      const now = measured();
      const shown = Math.max(before, now);
      if (monotonic() - since >= windowMs) {
        before = now;
        since = monotonic();
        histogram.reset();
      }
      return shown;
    },
    stop: () => void histogram.disable(),
  };
}
