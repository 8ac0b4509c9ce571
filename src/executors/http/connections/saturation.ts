/**
 * How long callers wait for the connections to one origin: whether its calls end, and when to come back if they do not.
 */

export type Saturation = {
  /** Whether nobody is to wait: what finds no connection free comes back later. */
  isOver(): boolean;
  /** A second of waiting begins. */
  begin(): void;
  /** A call has ended after `tookMs`; `busy` others are under way on `limit` connections. */
  ended(tookMs: number, busy: number, limit: number): void;
  /**
   * Judges the second that is over: whether the calls on `limit` connections end too seldom to be worth waiting for.
   */
  isInVain(limit: number): boolean;
  /** From now on nobody waits. */
  giveUp(): void;
  /** Lets callers wait again, as with an origin that is not known. */
  restore(): void;
  /** In how many milliseconds one that is not to wait may come back. */
  pauseMs(): number;
};

export type SaturationOptions = {
  monotonic: () => number;
  /** A random number in [0, 1). */
  random: () => number;
  /** The most connections there may be. */
  most: number;
  onChange: (isOver: boolean) => void;
};

/**
 * A caller waits this long, in milliseconds. Whoever waits holds a slot of the replica, so a second is what an origin
 * that hangs may cost the others; one that answers within a second on average frees connections quickly enough to wait
 * for.
 */
export const mostWaitMs = 1_000;
/**
 * Bounds on when those come back who did not wait: soon enough for an origin that recovers, seldom enough to cost
 * little.
 */
const leastPauseMs = 2_000;
const longestPauseMs = 30_000;

export function createSaturation({ monotonic, random, most, onChange }: SaturationOptions): Saturation {
  let isOver = false;
  let countedFrom = 0;
  let ended = 0;
  let comeBackAt = 0;

  function count(from: number): void {
    countedFrom = from;
    ended = 0;
  }

  function set(next: boolean): void {
    if (isOver === next) return;
    isOver = next;
    count(monotonic());
    onChange(next);
  }

  return {
    isOver: () => isOver,
    begin: () => count(monotonic()),
    ended(tookMs, busy, limit) {
      // While nobody waits only calls that end by themselves tell something: not those that ran into their timeouts.
      if (isOver && tookMs >= mostWaitMs) return;
      if (isOver && monotonic() - countedFrom > mostWaitMs) count(monotonic());
      ended++;
      if (isOver && (ended >= limit || busy * 2 < limit)) set(false);
    },
    isInVain(limit) {
      const elapsed = monotonic() - countedFrom;
      // A timer that comes late tells that this process was halted: then nobody had the chance to end a call.
      if (elapsed > 2 * mostWaitMs) return false;
      // By Little's law the mean time on a connection is connections × elapsed / ended.
      return ended * mostWaitMs < limit * elapsed;
    },
    giveUp: () => set(true),
    restore: () => set(false),
    pauseMs() {
      const now = monotonic();
      // One after the other: calls that take more than a second free fewer than `most` connections a second, so that as
      // many coming back leave none of them idle, and thousands that wait do not all ask in vain every few seconds.
      const next = Math.max(comeBackAt, now + leastPauseMs) + 1_000 / most;
      comeBackAt = Math.min(next, now + longestPauseMs);
      return Math.ceil((comeBackAt - now) * (1 + random() / 2));
    },
  };
}
