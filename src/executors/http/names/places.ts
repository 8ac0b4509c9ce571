/**
 * Bounds how many look-ups are under way at once, so that names that no server answers for do not keep the others
 * waiting.
 */

import type { Clock, Timer } from '../../../clock.ts';

export type Places = {
  /**
   * Calls `start` once there is a place. The place is kept until the function that `start` is given is called. A call
   * that `isUnconfirmed` comes after all others. `cut` is called when the place is needed for others.
   */
  enter(isUnconfirmed: boolean, start: (leave: () => void) => void, cut: () => void): void;
};

/**
 * The least time, in milliseconds, before a place is taken away for another look-up. Healthy name servers answer
 * sooner.
 */
const leastMs = 2_000;

type Waiting = { start: (leave: () => void) => void; cut: () => void };
type Taken = { since: number; cut: () => void };

export function createPlaces(clock: Clock, most: number): Places {
  /** Oldest first. */
  const taken = new Set<Taken>();
  const queues: [Waiting[], Waiting[]] = [[], []];
  let timer: Timer | null = null;

  function fill(): void {
    timer?.cancel();
    timer = null;
    for (;;) {
      const queue = queues[0].length > 0 ? queues[0] : queues[1];
      if (queue.length === 0) return;
      const [oldest] = taken;
      if (oldest !== undefined && taken.size >= most) {
        const left = oldest.since + leastMs - clock.monotonic();
        if (left > 0) {
          timer = clock.after(Math.ceil(left), fill);
          return;
        }
        taken.delete(oldest);
        oldest.cut();
      }
      const next = queue.shift();
      if (next === undefined) continue;
      const place: Taken = { since: clock.monotonic(), cut: next.cut };
      taken.add(place);
      next.start(() => {
        if (taken.delete(place)) fill();
      });
    }
  }

  return {
    enter(isUnconfirmed, start, cut) {
      queues[isUnconfirmed ? 1 : 0].push({ start, cut });
      if (timer === null) fill();
    },
  };
}
