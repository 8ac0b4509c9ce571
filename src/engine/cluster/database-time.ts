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
  /** Before the first reading: the database has said this time already, to others or to a process before this one. */
  remember(databaseMs: number): void;
  /** Set while the database's clock says something that is not believed: nothing may be taken for due by it. */
  doubt(): Doubt | null;
  /** The database's clock, as it is believed, less this machine's, in milliseconds. */
  offset(): number;
};

/** By how much the database's clock is ahead (or, negative, behind) of where it should be, in milliseconds. */
export type Doubt = { jumpMs: number };

/** How far two readings may differ before the database's clock counts as having jumped, in milliseconds. */
const jumpMs = 1_000;
/**
 * A jump further than this is not followed. It would fire or skip every occurrence between, and move the watermark past
 * it, which no correction of the clock takes back. Time goes on as it was; the jump is believed once the clock has run
 * on evenly for `confirmMs` and this machine's own clock agrees with it, which is what a correction looks like. A clock
 * that is wrong stays alone with its opinion until somebody sets it right, or restarts the replicas and thereby says
 * that it is right after all.
 */
export const farMs = 60_000;
export const confirmMs = 5 * 60_000;
const remembered = 8;

/**
 * Bounds of how far the database's clock is ahead of the monotonic one: it had said that time when the answer came, and
 * had not when it was asked. The greatest lower bound belongs to the quickest answer.
 */
type Reading = { least: number; most: number };

const least = (readings: readonly Reading[]) => Math.max(...readings.map((reading) => reading.least));
const most = (readings: readonly Reading[]) => Math.min(...readings.map((reading) => reading.most));

function jumpOf(readings: readonly Reading[], reading: Reading): number {
  const forward = reading.least - most(readings);
  const backward = least(readings) - reading.most;
  return forward > jumpMs ? forward : backward > jumpMs ? -backward : 0;
}

/** A bound that contradicts the newest reading is from before a jump, or before a step too small to be called one. */
function withReading(readings: readonly Reading[], reading: Reading): Reading[] {
  const standing = readings.filter((each) => each.least <= reading.most && each.most >= reading.least);
  return [...standing.slice(1 - remembered), reading];
}

export function createDatabaseTime(clock: Clock): DatabaseTime {
  let believed: Reading[] = [];
  /** The greatest of their lower bounds: asked for with every call. */
  let ahead = 0;
  let doubted: { readings: Reading[]; since: number; jumpMs: number } | null = null;
  /** How far this machine's uptime was ahead of the monotonic clock at the last reading that was believed. */
  let awake = sleptMs();

  /** Grows while this machine sleeps: then its monotonic clock stands still, and all others seem to jump. */
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
      // How long ago it said so is not known: any time after it is as good.
      if (believed.length === 0) believe([{ least: databaseMs - clock.monotonic(), most: Infinity }]);
    },
    doubt: () => doubted && { jumpMs: Math.round(doubted.jumpMs) },
    offset: () => current() - clock.now(),
  };
}
