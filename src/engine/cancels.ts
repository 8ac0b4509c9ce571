/** Finds the runs that somebody wants cancelled and whose attempts are made here, and aborts them. */

import type { Queryable } from '../store/database.ts';
import { cancelRequests } from '../store/runs.ts';
import type { Attempts } from './attempts.ts';
import type { Lease } from './lease.ts';

export type CancelOptions = {
  db: Queryable;
  lease: Pick<Lease, 'id'>;
  attempts: Pick<Attempts, 'running' | 'abort'>;
};

const pollMs = 1_000;

/** The step of its loop, which a signal wakes. */
export function createCancelStep({ db, lease, attempts }: CancelOptions): () => Promise<number> {
  return async () => {
    if (attempts.running() > 0)
      for (const { runId, reason } of await cancelRequests(db, lease.id()))
        attempts.abort(runId, { kind: 'cancel', reason: reason ?? 'cancelled' });
    return pollMs;
  };
}
