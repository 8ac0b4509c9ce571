/** The firing path of one replica: plans read ahead, herds staged, the rest claimed when it is due. */

import type { Clock } from '../../clock.ts';
import { createLruCache } from '../../domain/lru-cache.ts';
import type { RunIds } from '../../domain/run/ids.ts';
import type { HttpTarget } from '../../domain/target/target.ts';
import type { Logger } from '../../observability/log.ts';
import type { OccurrenceLock } from '../../redis/lock.ts';
import type { Database } from '../../store/postgres/database.ts';
import type { Plan } from '../../store/runs/claims.ts';
import type { Turns } from '../../turns.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { LoopOptions } from '../loop.ts';
import type { Journal } from '../timetable/due-log.ts';
import type { Share } from '../timetable/partition.ts';
import { createPrefetchStep } from '../timetable/prefetcher.ts';
import type { Timetable } from '../timetable/timetable.ts';
import { type ClaimingOptions, createClaiming } from './claiming.ts';
import { createStager } from './pre-claimer.ts';
import { type Scheduler, type SchedulerOptions, startScheduler } from './scheduler.ts';

export type FiringOptions = Pick<ClaimingOptions, 'onExhausted' | 'onReplaced' | 'onWaiting' | 'onStale'> & {
  /** `claims` inserts runs and stages them, on connections of its own; `other` reads plans. */
  db: { claims: Database; other: Database };
  clock: Clock;
  time: DatabaseTime;
  log: Logger;
  timetable: Timetable;
  attempts: Attempts;
  lease: Pick<Lease, 'id' | 'held'>;
  lock: OccurrenceLock;
  isOwn: Share['isOwn'];
  mayClaim: Share['mayClaim'];
  journal: Journal;
  runIds: RunIds;
  /** How many batches may be staged at once, each on its connection. */
  stagedBatches: number;
  maxConcurrent: number;
  turns: Turns;
  /** Does for a target what can be done before it is called. */
  prepare: (target: HttpTarget) => void;
  onClaims: ClaimingOptions['onClaims'] & SchedulerOptions['onClaims'];
};

export type Firing = {
  scheduler: Scheduler;
  /** The steps of its loops, by their names. */
  steps: Record<'prefetcher' | 'stager', LoopOptions['step']>;
  /** Lets go of what is staged, when the loops have ended. */
  close(): Promise<void>;
};

const plansKept = 20_000;
const lockTtlMs = 10_000;
/** Small enough for several to find their slots, and for what is urgent to come between them. */
const stagedBatchSize = 250;

export function startFiring(options: FiringOptions): Firing {
  const { db, time, timetable, lease, lock, isOwn, prepare, runIds } = options;
  const plans = createLruCache<number, Plan>(plansKept);
  const stager = createStager({
    ...{ database: db.claims, time, timetable, plans, isOwn, lease, lock, lockTtlMs, runIds },
    mostBatches: options.stagedBatches,
    batchSize: Math.min(stagedBatchSize, options.maxConcurrent),
    turns: options.turns,
    claiming: () => scheduler.claiming(),
    onReleased: (due) => scheduler.release(due),
  });
  const claim = createClaiming({ ...options, database: db.claims, plans, lockTtlMs });
  const scheduler: Scheduler = startScheduler({ ...options, claim, stager });
  return {
    scheduler,
    steps: {
      prefetcher: createPrefetchStep({ db: db.other.pool, time, timetable, plans, isOwn, lease, prepare }),
      stager: stager.step,
    },
    close: stager.stop,
  };
}
