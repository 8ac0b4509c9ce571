/** Finds stuck runs: the database says that this replica runs them, but it has no attempt of them. */

import type { Clock } from '../../clock.ts';
import type { NoteRuns } from '../../live/live.ts';
import type { Logger } from '../../observability/log.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Database } from '../../store/postgres/database.ts';
import { attemptsOf, type HeldAttempt, rescueStuckRuns } from '../../store/runs/recovery/stuck-runs.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import { tellOf } from './takeover.ts';

export type StuckRunOptions = {
  database: Database;
  clock: Pick<Clock, 'monotonic'>;
  time: DatabaseTime;
  log: Logger;
  lease: Pick<Lease, 'id' | 'held'>;
  attempts: Pick<Attempts, 'inHand' | 'free'>;
  metrics: Pick<Metrics, 'stuckRunsFound'>;
  noteRuns: NoteRuns;
  /** Runs were taken away from this replica. */
  onTaken: () => void;
  /** Runs now wait for their next attempt. */
  onRetry: () => void;
};

const pollMs = 5_000;
/**
 * Longer than any claim takes, its repetition included. An attempt that was unknown here for so long will not be begun.
 * It has not ended either: outcomes that wait to be written are known, and a written run is not `running`.
 */
const marginMs = 15_000;

/**
 * The step of its loop. A claim whose answer was lost is looked up by the replica that made it. Other cases, such as a
 * dispatch whose answer was lost or a defect, would leave the run `running` while this replica lives: its lease is
 * good, so no other replica takes the run over.
 */
export function createStuckRunStep(options: StuckRunOptions): () => Promise<number> {
  const { database, clock, time, log, lease, attempts, metrics, noteRuns, onTaken, onRetry } = options;
  /** Since when, on the monotonic clock, each attempt has been unknown here. */
  let unknown = new Map<string, number>();
  const keyOf = ({ runId, attempt }: HeldAttempt) => `${runId} ${attempt}`;

  return async () => {
    // Occurrences whose claim is unconfirmed are looked up once a slot is free. Until then they are not stuck.
    if (!lease.held() || attempts.free() <= 0) {
      unknown = new Map();
      return pollMs;
    }
    const owner = lease.id();
    const held = await attemptsOf(database.pool, owner);
    const now = clock.monotonic();
    const inHand = attempts.inHand();
    const missing = held.filter(({ runId }) => !inHand.has(runId));
    unknown = new Map(missing.map((each) => [keyOf(each), unknown.get(keyOf(each)) ?? now]));
    const stuckRuns = missing.filter((each) => now - (unknown.get(keyOf(each)) ?? now) >= marginMs);
    if (stuckRuns.length === 0 || lease.id() !== owner) return pollMs;
    const taken = await rescueStuckRuns(database, owner, stuckRuns, time.now());
    for (const { namespace, taskId } of taken) noteRuns(namespace, taskId);
    tellOf(taken, log, 'a run was held for ours, but no attempt of it is here: took it up');
    metrics.stuckRunsFound(taken.length);
    if (taken.length > 0) onTaken();
    if (taken.some(({ status }) => status === 'retrying')) onRetry();
    return pollMs;
  };
}
