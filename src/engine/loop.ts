/** A loop around a step: it survives errors, never overlaps itself, can be woken and can be stopped. */

import type { Clock, Timer } from '../clock.ts';
import type { Logger } from '../observability/log.ts';

export type Loop = {
  /** Runs the step as soon as possible, once more if it is running just now. */
  wake(): void;
  /** Ends the loop; resolves when no step is running any more. */
  stop(): Promise<void>;
};

export type LoopOptions = {
  name: string;
  clock: Clock;
  log: Logger;
  /** One pass of the work. Answers in how many milliseconds the next is wanted. */
  step: () => Promise<number>;
  /** The wait after a failure, in milliseconds. */
  retryMs: number;
};

export function startLoop({ name, clock, log, step, retryMs }: LoopOptions): Loop {
  let timer: Timer | null = null;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let failures = 0;

  async function run(): Promise<void> {
    let wait = retryMs;
    try {
      wait = await step();
      if (failures > 0) log.info({ loop: name, failures }, 'the loop works again');
      failures = 0;
    } catch (error) {
      failures++;
      // A failure is logged when it begins and then once a minute or so.
      if (failures === 1 || failures % 100 === 0)
        log.error({ err: error, loop: name, failures }, 'a pass of the loop failed');
    }
    running = null;
    if (stopped) return;
    if (again) begin();
    else timer = clock.after(wait, begin);
  }

  function begin(): void {
    again = false;
    timer?.cancel();
    timer = null;
    running = run();
  }

  begin();
  return {
    wake() {
      if (stopped) return;
      if (running) again = true;
      else begin();
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
}
