/**
 * Reads the task snapshots of occurrences that are due soon, so that claims need not bring them when everybody waits
 * for them.
 */

import type { LRUCache } from 'lru-cache';
import { isZoned } from '../../domain/schedule/schedule.ts';
import type { Target } from '../../domain/task/target.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { readSnapshots, type TaskSnapshot } from '../../store/runs/claiming/claims.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Partition } from '../cluster/partition.ts';
import type { Timetable } from './timetable.ts';

export type PrefetcherOptions = {
  db: Queryable;
  time: Pick<DatabaseTime, 'now'>;
  timetable: Pick<Timetable, 'dueBy' | 'next'>;
  snapshots: LRUCache<number, TaskSnapshot>;
  /** Whether a task is in this replica's partition. */
  isOwn: Partition['isOwn'];
  lease: Pick<Lease, 'held'>;
  /** Prepares the calls of a target. */
  prepare: (target: Target) => void;
};

const everyMs = 400;
const aheadMs = 1_500;
/** No more than the cache may hold besides the snapshots in use. */
const most = 10_000;
const batchSize = 500;

/**
 * The step of its loop. The snapshots are only a cache: a claim says which version it knows, and gets the task
 * snapshot where that has changed meanwhile.
 */
export function createPrefetchStep(options: PrefetcherOptions): () => Promise<number> {
  const { db, time, timetable, snapshots, isOwn, lease, prepare } = options;
  return async () => {
    const now = time.now();
    // During a burst its claims bring the task snapshots. Reading more would only evict others.
    if (!lease.held() || timetable.next() <= now) return everyMs;
    const wanted = timetable
      .dueBy(now + aheadMs, most)
      .filter(({ uid, timing }) => !snapshots.has(uid) && isOwn(uid, isZoned(timing.schedule)))
      .map(({ uid }) => uid);
    for (let start = 0; start < wanted.length; start += batchSize) {
      // Deleted tasks are removed from the timetable by the reconciler.
      const found = await readSnapshots(db, wanted.slice(start, start + batchSize));
      for (const [uid, snapshot] of found) {
        snapshots.set(uid, snapshot);
        prepare(snapshot.target);
      }
    }
    return everyMs;
  };
}
