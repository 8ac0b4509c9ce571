/** Finds the attempts of this replica whose runs are to be cancelled, and aborts them. */

import type { Queryable } from '../../store/postgres/database.ts';
import { cancelRequests } from '../../store/runs/completing/cancelling.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Attempts } from './attempts.ts';

export type CancelOptions = {
  db: Queryable;
  lease: Pick<Lease, 'id'>;
  attempts: Pick<Attempts, 'free' | 'abort'>;
  /** How many slots there are. */
  slots: number;
};

const pollMs = 1_000;
/** A cancellation may come just before its attempt begins, so the step looks a second time after this pause. */
const soonMs = 20;

/** The step of its loop, which a signal wakes. */
export function createCancelStep({ db, lease, attempts, slots }: CancelOptions): () => Promise<number> {
  return async () => {
    // A run that is being claimed already has its slot.
    if (attempts.free() >= slots) return pollMs;
    let wait = pollMs;
    for (const { runId, reason } of await cancelRequests(db, lease.id()))
      if (!attempts.abort(runId, { kind: 'cancel', reason: reason ?? 'cancelled' })) wait = soonMs;
    return wait;
  };
}
