/** Time as a value to be passed in: the wall clock, a monotonic clock and timers, and nothing else reads them. */

import { uptime } from 'node:os';

export type Timer = { cancel(): void };

export type Clock = {
  /** Wall-clock time in epoch milliseconds. */
  now(): number;
  /** Milliseconds on a clock that never jumps; only differences mean anything. */
  monotonic(): number;
  /** Milliseconds since this machine was started, those that it slept included, where `monotonic` stands still. */
  uptime(): number;
  /** Calls `run` once after `ms` milliseconds (at most 2^31 - 1). Does not keep the process alive. */
  after(ms: number, run: () => void): Timer;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  uptime: () => uptime() * 1_000,
  after(ms, run) {
    const handle = setTimeout(run, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};
