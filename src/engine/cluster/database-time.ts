/** The database's time, kept on this machine's monotonic clock: a wrong wall clock here fires nothing early. */

import type { Clock } from '../../clock.ts';

export type DatabaseTime = {
  /** Epoch milliseconds by the database's clock, never ahead of it; this machine's clock until the first reading. */
  now(): number;
  /**
   * Takes a reading: the database said `databaseMs` at some moment before `receivedAt` (monotonic milliseconds) and
   * after `askedAt`. Answers by how much the time that is believed jumped since the readings before, 0 when it did not.
   */
  observe(databaseMs: number, askedAt: number, receivedAt: number): number;
  /** Sets a lower bound before the first reading: a time that the database has already given to another process. */
  remember(databaseMs: number): void;
  /** Whether there was a reading. Until then `now` may be far behind, and nothing may be dated by it. */
  isKnown(): boolean;
  /** The doubt about the database's clock, or null. While there is one, nothing may be called due by that clock. */
  doubt(): Doubt | null;
  /** The database's clock, as it is believed, less this machine's, in milliseconds. */
  offset(): number;
};

/** By how much the database's clock is ahead (or, negative, behind) of where it should be, in milliseconds. */
export type Doubt = { jumpMs: number };

/** How far two readings may differ before the database's clock counts as having jumped, in milliseconds. */
const jumpMs = 1_000;
/**
 * A jump that is longer than this is not followed at once. Following it would fire or skip every occurrence in between,
 * and would move the watermark, which cannot be moved back. The time goes on as before the jump. The jump is followed
 * once the clock has run evenly for `confirmMs` and this machine's wall clock agrees with it. A wrong clock is ignored
 * until an operator corrects it, or restarts the replicas to confirm it.
 */
export const farMs = 60_000;
export const confirmMs = 5 * 60_000;
const remembered = 8;

/**
 * Bounds of how far the database's clock is ahead of the monotonic clock. The clock was read after the question was
 * sent and before the answer came. The quickest answer gives the greatest lower bound.
 */
type Reading = { least: number; most: number };

const least = (readings: readonly Reading[]) => Math.max(...readings.map((reading) => reading.least));
const most = (readings: readonly Reading[]) => Math.min(...readings.map((reading) => reading.most));

function jumpOf(readings: readonly Reading[], reading: Reading): number {
  const forward = reading.least - most(readings);
  const backward = least(readings) - reading.most;
  return forward > jumpMs ? forward : backward > jumpMs ? -backward : 0;
}

/** A reading that contradicts the newest one is older than a change of the database's clock, and is dropped. */
function withReading(readings: readonly Reading[], reading: Reading): Reading[] {
  const standing = readings.filter((each) => each.least <= reading.most && each.most >= reading.least);
  return [...standing.slice(1 - remembered), reading];
}

export function createDatabaseTime(clock: Clock): DatabaseTime {
  let believed: Reading[] = [];
  /** The greatest of their lower bounds. It is kept because every call needs it. */
  let ahead = 0;
  let isKnown = false;
  let doubted: { readings: Reading[]; since: number; jumpMs: number } | null = null;
  /** How far this machine's uptime was ahead of the monotonic clock at the last reading that was believed. */
  let awake = sleptMs();

  /** Grows while this machine sleeps. The monotonic clock stands still then, so other clocks seem to jump. */
  function sleptMs(): number {
    return clock.uptime() - clock.monotonic();
  }

  function current(): number {
    return believed.length === 0 ? clock.now() : clock.monotonic() + ahead;
  }

  function believe(readings: Reading[]): void {
    believed = readings;
    ahead = least(readings);
    doubted = null;
    awake = sleptMs();
  }

  function isConfirmed(candidate: { readings: Reading[]; since: number }, receivedAt: number): boolean {
    const offset = clock.monotonic() + least(candidate.readings) - clock.now();
    return receivedAt - candidate.since >= confirmMs && Math.abs(offset) <= farMs;
  }

  return {
    now: () => Math.floor(current()),
    observe(databaseMs, askedAt, receivedAt) {
      const reading = { least: databaseMs - receivedAt, most: databaseMs - askedAt };
      isKnown = true;
      const jump = jumpOf(believed, reading);
      const slept = jump > 0 && Math.abs(jump - (sleptMs() - awake)) <= farMs;
      if (Math.abs(jump) <= farMs || slept) {
        believe(withReading(believed, reading));
        return jump;
      }
      const even = doubted !== null && jumpOf(doubted.readings, reading) === 0;
      doubted = {
        readings: withReading(even && doubted ? doubted.readings : [], reading),
        since: even && doubted ? doubted.since : receivedAt,
        jumpMs: jump,
      };
      if (!isConfirmed(doubted, receivedAt)) return 0;
      believe(doubted.readings);
      return jump;
    },
    remember(databaseMs) {
      // The age of this reading is not known, so the reading has no upper bound.
      if (believed.length === 0) believe([{ least: databaseMs - clock.monotonic(), most: Infinity }]);
    },
    isKnown: () => isKnown,
    doubt: () => doubted && { jumpMs: Math.round(doubted.jumpMs) },
    offset: () => current() - clock.now(),
  };
}
