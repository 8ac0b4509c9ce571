/** Runs for occurrences that nobody claimed. */

import { type Claimer, claimOccurrences, type Due, leftOver } from './claims.ts';
import type { Queryable } from './database.ts';
import { recordOverlaps } from './overlaps.ts';
import { completeTasks } from './tasks.ts';

const insertBatch = 1_000;

/**
 * Inserts runs that wait to be taken for occurrences that nobody claimed, oldest first, with those that overlap recorded
 * as such and tasks whose `maxRuns` are used up completed. Gives back how many were inserted.
 */
export async function insertDue(
  db: Queryable,
  due: readonly (Due & { limited: boolean })[],
  trigger: Claimer['trigger'],
  now: number,
): Promise<number> {
  const claimer = { owner: null, trigger, now };
  let inserted = 0;
  for (let start = 0; start < due.length; start += insertBatch)
    for (const limited of [false, true]) {
      let batch = due.slice(start, start + insertBatch).filter((item) => item.limited === limited);
      while (batch.length > 0) {
        const claims = await claimOccurrences(db, batch, claimer, limited);
        inserted += claims.filter(({ won }) => won).length;
        const spent = new Set(claims.filter(({ left }) => left === 0).map(({ runId }) => runId));
        if (spent.size > 0)
          await completeTasks(
            db,
            batch.filter(({ runId }) => spent.has(runId)),
            now,
          );
        // What is made up for waits in line: it overlaps nothing.
        const lost = new Set(
          trigger === 'catch_up'
            ? []
            : claims.filter(({ won, overlap }) => !won && overlap !== 'allow').map(({ runId }) => runId),
        );
        if (lost.size > 0)
          await recordOverlaps(
            db,
            batch.filter(({ runId }) => lost.has(runId)),
            claimer,
          );
        batch = leftOver(batch, claims);
      }
    }
  return inserted;
}
