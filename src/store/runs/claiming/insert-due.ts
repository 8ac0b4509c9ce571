/** Runs for occurrences that no replica claimed. */

import type { Queryable } from '../../postgres/database.ts';
import { completeTasks } from '../../tasks/tasks.ts';
import { type Claimer, claimOccurrences, type Due, leftOver } from './claims.ts';
import { meetOverlaps } from './overlaps.ts';

const insertBatch = 1_000;

/**
 * Inserts runs that wait to be taken for occurrences that no replica claimed, oldest first, with those that overlap
 * recorded as such and tasks whose `maxRuns` are used up completed. To be called in a transaction. Gives back how many
 * were inserted.
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
            batch.filter(({ runId }) => spent.has(runId)).map((item) => ({ ...item, spent: true })),
            now,
          );
        // Occurrences that are made up for wait in slot 2, so they do not overlap.
        const lost = new Map(
          trigger === 'catch_up'
            ? []
            : claims.flatMap(({ won, overlap, runId }) => (won || overlap === 'allow' ? [] : [[runId, overlap]])),
        );
        if (lost.size > 0)
          await meetOverlaps(
            db,
            batch.filter(({ runId }) => lost.has(runId)),
            ({ runId }) => lost.get(runId) === 'replace',
            claimer,
          );
        batch = leftOver(batch, claims);
      }
    }
  return inserted;
}
