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
  // Each reading bounds the database's time from below: it had that time before the answer came. The greatest bound
  // belongs to the quickest answer.
  let bounds: number[] = [];

  function current(): number {
    return bounds.length === 0 ? clock.now() : clock.monotonic() + Math.max(...bounds);
  }

  return {
    now: () => Math.floor(current()),
    observe(databaseMs, askedAt, receivedAt) {
      const bound = databaseMs - receivedAt;
      const roundTrip = receivedAt - askedAt;
      const best = Math.max(...bounds);
      const forward = bound - best;
      const backward = best - (bound + roundTrip);
      const jump = bounds.length === 0 ? 0 : forward > jumpMs ? forward : backward > jumpMs ? -backward : 0;
      // What this reading contradicts is from before a jump, or a step back too small to be called one.
      const standing = jump === 0 ? bounds.filter((each) => each <= bound + roundTrip) : [];
      bounds = [...standing.slice(1 - remembered), bound];
      return jump;
    },
    offset: () => current() - clock.now(),
  };
}
