/** The database's time, kept on this machine's monotonic clock: a wrong wall clock here fires nothing early. */

import type { Clock } from '../clock.ts';

/** How far two readings may differ before the database's clock counts as having jumped, in milliseconds. */
const jumpMs = 1_000;
const remembered = 8;

export type DatabaseTime = {
  /** Epoch milliseconds by the database's clock, never ahead of it; this machine's clock until the first reading. */
  now(): number;
  /**
   * Takes a reading: the database said `databaseMs` at some moment before `receivedAt` (monotonic milliseconds) and after
   * `askedAt`. Answers by how much its clock jumped since the readings before, 0 when it did not.
   */
  observe(databaseMs: number, askedAt: number, receivedAt: number): number;
  /** The database's clock less this machine's, in milliseconds. */
  offset(): number;
};

export function createDatabaseTime(clock: Clock): DatabaseTime {
  // Each reading bounds the clocks' difference from both sides: the database had said that time when the answer came, and
  // had not when it was asked. The greatest lower bound belongs to the quickest answer.
  let readings: { least: number; most: number }[] = [];

  const least = () => Math.max(...readings.map((reading) => reading.least));
  const most = () => Math.min(...readings.map((reading) => reading.most));

  function current(): number {
    return readings.length === 0 ? clock.now() : clock.monotonic() + least();
  }

  return {
    now: () => Math.floor(current()),
    observe(databaseMs, askedAt, receivedAt) {
      const reading = { least: databaseMs - receivedAt, most: databaseMs - askedAt };
      const forward = reading.least - most();
      const backward = least() - reading.most;
      const jump = forward > jumpMs ? forward : backward > jumpMs ? -backward : 0;
      // What contradicts the newest reading is from before a jump, or before a step too small to be called one.
      const standing = readings.filter((each) => each.least <= reading.most && each.most >= reading.least);
      readings = [...standing.slice(1 - remembered), reading];
      return jump;
    },
    offset: () => current() - clock.now(),
  };
}
