/** The firing path of one replica: task snapshots read ahead, bursts pre-claimed, the rest claimed when it is due. */

import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import type { RunIds } from '../../domain/run/ids.ts';
import type { Target } from '../../domain/task/target.ts';
import type { WeightOf } from '../../domain/turns/turns.ts';
import type { Logger } from '../../observability/log.ts';
import type { OccurrenceLock } from '../../redis/lock.ts';
import type { Database } from '../../store/postgres/database.ts';
import type { TaskSnapshot } from '../../store/runs/claiming/claims.ts';
import type { Turns } from '../../turns.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Partition } from '../cluster/partition.ts';
import type { LoopOptions } from '../loop.ts';
import type { DueLog } from '../timetable/due-log.ts';
import { createPrefetchStep } from '../timetable/prefetcher.ts';
import type { Timetable } from '../timetable/timetable.ts';
import { type ClaimingOptions, createClaiming } from './claiming.ts';
import { createPreClaimer } from './pre-claimer.ts';
import { type Scheduler, type SchedulerOptions, startScheduler } from './scheduler.ts';

export type FiringOptions = Pick<
  ClaimingOptions,
  'onExhausted' | 'onReplaced' | 'onWaiting' | 'onStale' | 'noteRuns'
> & {
  /** `claims` inserts runs and pre-claims them, on connections of its own; `other` reads task snapshots. */
  db: { claims: Database; other: Database };
  clock: Clock;
  time: DatabaseTime;
  log: Logger;
  timetable: Timetable;
  attempts: Attempts;
  lease: Pick<Lease, 'id' | 'held'>;
  lock: OccurrenceLock;
  isOwn: Partition['isOwn'];
  mayClaim: Partition['mayClaim'];
  dueLog: DueLog;
  runIds: RunIds;
  /** How many batches may be pre-claimed at once, each on its connection. */
  preClaimedBatches: number;
  maxConcurrent: number;
  turns: Turns;
  /** The weights of namespaces. */
  weightOf: WeightOf;
  /** Prepares the calls of a target. */
  prepare: (target: Target) => void;
  onClaims: ClaimingOptions['onClaims'] & SchedulerOptions['onClaims'];
};

export type Firing = {
  scheduler: Scheduler;
  /** The steps of its loops, by their names. */
  steps: Record<'prefetcher' | 'preClaimer', LoopOptions['step']>;
  /** Rolls back all pre-claims, when the loops have ended. */
  close(): Promise<void>;
};

const snapshotsKept = 20_000;
const lockTtlMs = 10_000;
/**
 * The occurrences of one batch. It is small, so that several batches find slots and urgent occurrences come between
 * them.
 */
const preClaimBatchSize = 250;

export function startFiring(options: FiringOptions): Firing {
  const { db, time, timetable, lease, lock, isOwn, prepare, runIds } = options;
  const snapshots = new LRUCache<number, TaskSnapshot>({ max: snapshotsKept });
  const preClaimer = createPreClaimer({
    ...{ database: db.claims, time, timetable, snapshots, isOwn, lease, lock, lockTtlMs, runIds },
    mostBatches: options.preClaimedBatches,
    batchSize: Math.min(preClaimBatchSize, options.maxConcurrent),
    turns: options.turns,
    weightOf: options.weightOf,
    claiming: () => scheduler.claiming(),
    onReleased: (due) => scheduler.release(due),
  });
  const claim = createClaiming({ ...options, database: db.claims, snapshots, lockTtlMs });
  const scheduler: Scheduler = startScheduler({ ...options, claim, preClaimer });
  return {
    scheduler,
    steps: {
      prefetcher: createPrefetchStep({ db: db.other.pool, time, timetable, snapshots, isOwn, lease, prepare }),
      preClaimer: preClaimer.step,
    },
    close: preClaimer.stop,
  };
}
