/** The dispatcher: takes waiting runs (triggered, retried, queued, left over) when there are free slots. */

import type { Queryable } from '../store/database.ts';
import { takeWaiting } from '../store/dispatch.ts';
import type { Attempts } from './attempts.ts';
import type { DatabaseTime } from './database-time.ts';
import type { Lease } from './lease.ts';

export type DispatcherOptions = {
  db: Queryable;
  time: DatabaseTime;
  attempts: Attempts;
  lease: Pick<Lease, 'id' | 'held'>;
};

const batchSize = 200;
const pollMs = 1_000;

/** The step of the dispatcher's loop. Polls for what other replicas left; what happens here wakes it. */
export function createDispatcherStep({ db, time, attempts, lease }: DispatcherOptions): () => Promise<number> {
  return async () => {
    const limit = Math.min(attempts.free(), batchSize);
    if (limit <= 0 || !lease.held()) return pollMs;
    const slots = attempts.reserve(limit);
    try {
      const owner = lease.id();
      const taken = await takeWaiting(db, owner, limit, time.now());
      slots.release();
      for (const run of taken) attempts.start(run, owner);
      return taken.length === limit ? 0 : pollMs;
    } finally {
      slots.release();
    }
  };
}
