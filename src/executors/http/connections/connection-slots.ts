/** The connections to one origin: a few while it answers quickly, more while it is slow, and a queue before them. */

import type { Clock, Timer } from '../../../clock.ts';
import { type ConnectionSlot, type OwnedConnectionSlot, openConnectionSlot } from './connection-slot.ts';
import type { Connector } from './connector.ts';
import { createSaturation, mostWaitMs } from './saturation.ts';

export type ConnectionSlots = {
  /**
   * Calls `start` with a slot once one is free, or `refuse` where waiting for one is in vain, with the milliseconds
   * after which to come back. Of those that wait the least effective due time comes first, without one before all
   * others. The returned function withdraws a caller that still waits.
   */
  enter(start: (slot: ConnectionSlot) => void, refuse: (pauseMs: number) => void, effectiveDueAt?: number): () => void;
  /** In how many milliseconds a caller that cannot wait any longer may come back. */
  pauseMs(): number;
  /** Gives a slot back, exactly once per start; `reusable` only when the call on it ended whole. */
  leave(slot: ConnectionSlot, reusable: boolean): void;
  /** Monotonic milliseconds since when nothing happens here; null while calls run or wait. */
  idleSince(): number | null;
  destroy(reason: Error): void;
};

/**
 * Measured: 64 sockets serve a quick target best (512 cost 15 % more CPU a call, and each one a connect).
 * A target whose answers take longer than `slowAnswerMs` gets twice as many, again and again, up to `most`.
 */
const initialSlots = 64;
const slowAnswerMs = 20;
/** An origin left alone for so long starts small again, in milliseconds. */
const forgetSlownessMs = 10_000;

const lost = new Error('the connection is of no further use');

type Caller = { start: (slot: ConnectionSlot) => void; refuse: (pauseMs: number) => void };
type Waiting = { caller: Caller | null; since: number; effectiveDueAt: number };

export type ConnectionSlotsOptions = {
  clock: Clock;
  /** What the slots connect with. */
  connector: Connector;
  /** A random number in [0, 1). */
  random: () => number;
  /** All slots are taken by calls that do not end, so that nobody is left to wait for one; or that is over. */
  onSaturated: (isSaturated: boolean) => void;
};

/** The slots of one origin (`http://host:port`), at most `most` of them in use at once. */
export function createConnectionSlots(origin: string, most: number, options: ConnectionSlotsOptions): ConnectionSlots {
  const { clock, connector } = options;
  const fewest = Math.min(initialSlots, most);
  const saturation = createSaturation({ ...options, monotonic: clock.monotonic, most, onChange: options.onSaturated });
  const free: OwnedConnectionSlot[] = [];
  const queue: Waiting[] = [];
  let head = 0;
  let waiting = 0;
  let busy = 0;
  let limit = fewest;
  let finished = 0;
  let lookedAt = 0;
  let slowLooks = 0;
  let watch: Timer | null = null;
  let saturationTimer: Timer | null = null;
  let quietSince = clock.monotonic();

  /** Puts one in where it belongs, which is nearly always at the end. */
  function line(entry: Waiting): void {
    let place = queue.length;
    // What stands before the head has been served.
    while (place > head && (queue[place - 1] as Waiting).effectiveDueAt > entry.effectiveDueAt) place--;
    queue.splice(place, 0, entry);
  }

  /** Takes out who comes first. */
  function next(): Caller | null {
    while (head < queue.length) {
      const entry = queue[head++] as Waiting;
      const { caller } = entry;
      // The entry stays in the array for a while and must not keep the call alive meanwhile.
      entry.caller = null;
      if (caller === null) continue;
      waiting--;
      return caller;
    }
    return null;
  }

  function admit(caller: Caller): void {
    busy++;
    const slot = free.pop() ?? openConnectionSlot(origin, connector);
    slot.takenAt = clock.monotonic();
    caller.start(slot);
  }

  /** Drops entries already served or withdrawn, so that a queue which never empties does not grow for ever. */
  function compact(): void {
    if (head < 1024 || head * 2 < queue.length) return;
    queue.splice(0, head);
    head = 0;
  }

  /** What a slow hour took need not be kept for ever. */
  function shrink(): void {
    if (clock.monotonic() - quietSince < forgetSlownessMs) return;
    saturation.restore();
    if (limit === fewest) return;
    limit = fewest;
    slowLooks = 0;
    for (const surplus of free.splice(fewest)) surplus.destroy(lost);
  }

  function fill(): void {
    while (busy < limit && waiting > 0) {
      const caller = next();
      if (caller === null) return;
      admit(caller);
    }
  }

  function look(): void {
    watch = null;
    if (waiting === 0 || limit === most) return;
    const now = clock.monotonic();
    const elapsed = now - lookedAt;
    // A timer that comes late tells that this process is the slow one: more sockets would only add to its work.
    const isBusyItself = elapsed > 2 * slowAnswerMs;
    // By Little's law the mean time on a slot is slots × elapsed / finished. Twice in a row, because once may be a
    // pause.
    slowLooks = !isBusyItself && finished * slowAnswerMs < limit * elapsed ? slowLooks + 1 : 0;
    if (slowLooks > 1) limit = Math.min(most, limit * 2);
    keepLooking(now);
    fill();
  }

  function keepLooking(now: number): void {
    lookedAt = now;
    finished = 0;
    watch = clock.after(slowAnswerMs, look);
  }

  function beginWatch(): void {
    saturation.begin();
    saturationTimer = clock.after(mostWaitMs, checkSaturation);
  }

  function checkSaturation(): void {
    saturationTimer = null;
    while (queue[head]?.caller === null) head++;
    const first = queue[head];
    if (first === undefined) return;
    const hasWaited = clock.monotonic() - first.since >= mostWaitMs;
    const isInVain = hasWaited && saturation.isInVain(limit);
    if (isInVain && limit === most) {
      saturation.giveUp();
      for (let caller = next(); caller !== null; caller = next()) caller.refuse(saturation.pauseMs());
      return;
    }
    // So slow an origin may have all that there is, even where nobody came to look.
    if (isInVain) limit = most;
    beginWatch();
    fill();
  }

  return {
    enter(start, refuse, effectiveDueAt = -Infinity) {
      if (busy === 0 && waiting === 0) shrink();
      // Whoever waits already comes first.
      if (busy < limit && waiting === 0) {
        admit({ start, refuse });
        return () => {};
      }
      if (saturation.isOver()) {
        refuse(saturation.pauseMs());
        return () => {};
      }
      const entry: Waiting = { caller: { start, refuse }, since: clock.monotonic(), effectiveDueAt };
      line(entry);
      waiting++;
      compact();
      if (watch === null && limit < most) keepLooking(clock.monotonic());
      if (saturationTimer === null) beginWatch();
      return () => {
        if (entry.caller === null) return;
        entry.caller = null;
        waiting--;
      };
    },
    pauseMs: saturation.pauseMs,
    leave(left, reusable) {
      const slot = left as OwnedConnectionSlot;
      busy--;
      finished++;
      slot.leftAt = clock.monotonic();
      saturation.ended(slot.leftAt - slot.takenAt, busy, limit);
      if (reusable) free.push(slot);
      else slot.destroy(lost);
      // The HTTP client is still amid its own bookkeeping for the call that ends here.
      if (waiting > 0) queueMicrotask(fill);
      else if (busy === 0) quietSince = clock.monotonic();
    },
    idleSince: () => (busy === 0 && waiting === 0 ? quietSince : null),
    destroy(reason) {
      watch?.cancel();
      saturationTimer?.cancel();
      for (const slot of free.splice(0)) slot.destroy(reason);
    },
  };
}
