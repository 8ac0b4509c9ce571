/** The dispatcher: takes waiting runs (triggered, retried, queued, limited, left over) when there are free slots. */

import type { Metrics } from '../../observability/metrics.ts';
import { takeLimited } from '../../store/limits/limits.ts';
import { countLimited } from '../../store/limits/waiting.ts';
import type { Database } from '../../store/postgres/database.ts';
import { type TakenRun, takeWaiting } from '../../store/runs/claiming/dispatch.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Attempts } from './attempts.ts';

export type DispatcherOptions = {
  database: Database;
  time: Pick<DatabaseTime, 'now'>;
  attempts: Pick<Attempts, 'free' | 'endedPerMs' | 'reserve' | 'start'>;
  lease: Pick<Lease, 'id' | 'held'>;
  metrics: Pick<Metrics, 'limitPassed' | 'limitedWaiting'>;
};

const batchSize = 200;
const pollMs = 1_000;
const countEveryMs = 5_000;
const soonMs = 16;

/**
 * The step of the dispatcher's loop. It polls for runs that other replicas left, and is woken for runs of this one.
 * It makes one query. Only when the answer says that runs with limits wait, it makes more queries for these.
 */
export function createDispatcherStep(options: DispatcherOptions): () => Promise<number> {
  const { database, time, attempts, lease, metrics } = options;
  /** Whether runs with limits waited when it was last looked. */
  let limitsWait = false;
  let passes = 0;
  let countedAt = -Infinity;

  /** Keeps slots for the runs that are being taken. */
  async function take<T extends { runs: TakenRun[] }>(
    limit: number,
    taking: (owner: string) => Promise<T>,
  ): Promise<T> {
    const slots = attempts.reserve(limit);
    try {
      const owner = lease.id();
      const taken = await taking(owner);
      slots.release();
      // The lease under which they were taken has been lost: another replica takes them over.
      if (lease.held() && lease.id() === owner) for (const run of taken.runs) attempts.start(run, owner);
      return taken;
    } finally {
      slots.release();
    }
  }

  /** During a burst, claims take all free slots. The dispatcher then gets some of the slots that become free. */
  function room(): number {
    const soonFree = Math.floor(attempts.endedPerMs() * soonMs);
    return lease.held() ? Math.min(Math.max(attempts.free(), soonFree), batchSize) : 0;
  }

  /**
   * Updates the metric of runs that wait for their limits: at intervals while there are some, and once when there are
   * none left.
   */
  async function count(): Promise<void> {
    if (limitsWait ? time.now() - countedAt < countEveryMs : countedAt === -Infinity) return;
    metrics.limitedWaiting(await countLimited(database.pool, time.now()));
    countedAt = limitsWait ? time.now() : -Infinity;
  }

  return async () => {
    const limit = room();
    if (limit <= 0) return pollMs;
    // Where plain runs and runs with limits both wait, each kind gets half of the slots. A single slot goes to them in
    // turn.
    passes++;
    const plainLimit = limitsWait ? (limit + (passes % 2)) >> 1 : limit;
    let wait = pollMs;
    if (plainLimit > 0) {
      const plain = await take(plainLimit, (owner) => takeWaiting(database.pool, owner, plainLimit, time.now()));
      limitsWait = plain.limitsWait;
      if (plain.runs.length === plainLimit) wait = 0;
    } else wait = 0;
    const rest = limitsWait ? room() : 0;
    if (rest > 0) {
      const { again, waitedMs } = await take(rest, (owner) => takeLimited(database, owner, rest, time.now));
      for (const waited of waitedMs) metrics.limitPassed(waited);
      if (again !== null) wait = Math.min(wait, 'at' in again ? Math.max(again.at - time.now(), 1) : again.afterMs);
    }
    await count();
    return wait;
  };
}
