/**
 * The flags of V8 that a burst of runs gains from, in one place. They are set while the process runs, so that a version
 * of Node that does not know one of them says so on stderr and goes on, instead of refusing to start. All are known to
 * Node 20.19 and 24.21.
 *
 * Measured together on Node 20 with two cores: without them the p99 of a burst of 10,000 is 1.13 times as long warm,
 * and of 1,000 the same (docs/performance.md). The two sizes of the young generation must be known when the heap is
 * laid out, so they stand on the command line (`npm start` and the Dockerfile).
 */

import { setFlagsFromString } from 'node:v8';

const flags = [
  // Code that did not run during some collections stays compiled: p99 after 40 s of quiet 685 instead of 795 ms.
  '--no-flush-bytecode',
  // The heap does not shrink while nothing is due.
  '--no-memory-reducer',
  // Objects of one call are not allocated in the old generation, where they would keep others alive. It costs a sixth
  // of the calls' time.
  '--no-allocation-site-pretenuring',
  // No helper thread without a core is waited for. With the next flag, on three replicas: p99 612 instead of 816 ms.
  '--no-parallel-scavenge',
  // A major collection begins when the heap has grown to four times the memory in use.
  '--heap-growing-percent=300',
];

/** Sets the flags for this process, threads included. */
export function setV8Flags(): void {
  for (const flag of flags) setFlagsFromString(flag);
}
