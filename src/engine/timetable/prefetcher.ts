/** Reads the plans of what is due in a moment, so that claims need not bring them when everybody waits for them. */

import type { LruCache } from '../../domain/lru-cache.ts';
import { isZoned } from '../../domain/schedule/schedule.ts';
import type { HttpTarget } from '../../domain/target/target.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { type Plan, readPlans } from '../../store/runs/claims.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Share } from './partition.ts';
import type { Timetable } from './timetable.ts';

export type PrefetcherOptions = {
  db: Queryable;
  time: DatabaseTime;
  timetable: Pick<Timetable, 'dueBy' | 'next'>;
  plans: LruCache<number, Plan>;
  /** Whether this replica is the one to claim a task's occurrences first. */
  isOwn: Share['isOwn'];
  lease: Pick<Lease, 'held'>;
  /** Does for a target what can be done before it is called. */
  prepare: (target: HttpTarget) => void;
};

const everyMs = 400;
const aheadMs = 1_500;
/** No more than the cache may hold besides what it is needed for. */
const most = 10_000;
const batchSize = 500;

/**
 * The step of its loop. What it reads is only remembered: a claim says which version it knows, and gets the plan where
 * that has changed meanwhile.
 */
export function createPrefetchStep(options: PrefetcherOptions): () => Promise<number> {
  const { db, time, timetable, plans, isOwn, lease, prepare } = options;
  return async () => {
    const now = time.now();
    // While a herd drains its claims bring the plans: what is read besides would only push out others.
    if (!lease.held() || timetable.next() <= now) return everyMs;
    const wanted = timetable
      .dueBy(now + aheadMs, most)
      .filter(({ uid, timing }) => !plans.has(uid) && isOwn(uid, isZoned(timing.schedule)))
      .map(({ uid }) => uid);
    for (let start = 0; start < wanted.length; start += batchSize) {
      // Those that are gone leave the timetable by themselves.
      const found = await readPlans(db, wanted.slice(start, start + batchSize));
      for (const [uid, plan] of found) {
        plans.set(uid, plan);
        prepare(plan.target);
      }
    }
    return everyMs;
  };
}
