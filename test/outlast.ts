/** Waits until a moment is past: for outages that must last, and requests that must come at a certain instant. */

import { setTimeout } from 'node:timers/promises';

/** Resolves at this moment (epoch milliseconds, this machine's clock), at once where it is past. */
export async function outlast(moment: number): Promise<void> {
  await setTimeout(Math.max(0, moment - Date.now()));
}
