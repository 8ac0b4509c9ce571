/** The target's handle: starts it, and reads what arrived. */

import type { Later } from './cleanup.ts';
import { type Script, startScript } from './script.ts';

/** Calls in the order in which they came: the run's id (`X-Run-Id`) and the instant in epoch milliseconds. */
export type Arrivals = { ids: string[]; times: Float64Array };

export type Target = {
  pid: number;
  port: number;
  url: string;
  /** Forgets what came, and makes room for `expected` calls. */
  reset(expected: number): Promise<void>;
  count(): Promise<number>;
  /** Waits until `expected` calls have come since the reset, at most `withinMs`; says how many have. */
  waitFor(expected: number, withinMs: number): Promise<number>;
  arrivals(): Promise<Arrivals>;
};

const idLength = 36;
/** More than this, and the machine's wall clock was set during the measurement. */
const mostDriftMs = 5;

export async function startTarget(later: Later): Promise<Target> {
  const script: Script = startScript(later, 'target-server.ts');
  const port = await script.ask<number>('listen');
  return {
    pid: script.pid,
    port,
    url: `http://127.0.0.1:${port}/t`,
    reset: (expected) => script.ask('reset', expected),
    count: () => script.ask('count'),
    waitFor: (expected, withinMs) => script.ask('waitFor', { expected, withinMs }),
    async arrivals() {
      const raw = await script.ask<{ ids: Uint8Array; times: Float64Array; driftMs: number }>('arrivals');
      if (Math.abs(raw.driftMs) > mostDriftMs)
        throw new Error(`the wall clock moved by ${raw.driftMs} ms against the monotonic one: measure again`);
      const text = Buffer.from(raw.ids).toString('latin1');
      const ids = Array.from(raw.times, (_, place) => text.slice(place * idLength, (place + 1) * idLength));
      return { ids, times: raw.times };
    },
  };
}
