/** The dispatcher: takes waiting runs (triggered, retried, queued, limited, left over) when there are free slots. */

import type { Clock } from '../../clock.ts';
import { createTurns, inTurns, type WeightOf } from '../../domain/turns/turns.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { type InOrder, takeLimited } from '../../store/limits/limits.ts';
import { countLimited } from '../../store/limits/waiting.ts';
import type { Database } from '../../store/postgres/database.ts';
import { type TakenRun, takeWaiting } from '../../store/runs/claiming/dispatch.ts';
import { takeInTurns } from '../../store/runs/claiming/take-in-turns.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Attempts } from './attempts.ts';

export type DispatcherOptions = {
  database: Database;
  clock: Pick<Clock, 'monotonic' | 'after'>;
  time: Pick<DatabaseTime, 'now'>;
  attempts: Pick<Attempts, 'free' | 'room' | 'endedPerMs' | 'reserve' | 'start'>;
  /** The weights of namespaces, and whether tasks of several fire here. */
  weightOf: WeightOf;
  isShared: () => boolean;
  lease: Pick<Lease, 'id' | 'held'>;
  metrics: Pick<Metrics, 'limitPassed' | 'limitedWaiting'>;
};

const batchSize = 200;
const pollMs = 1_000;
const countEveryMs = 5_000;
const soonMs = 16;
/**
 * The least time between two statements while several namespaces share the replica, in milliseconds. A flood of triggers
 * then makes one for many runs, and leaves Postgres free for the claims of others.
 */
const gatherMs = 10;

/**
 * The step of the dispatcher's loop. It polls for runs that other replicas left, and is woken for runs of this one.
 * It makes one query. Only when the answer says that runs with limits wait, it makes more queries for these. Where there
 * are several namespaces, runs are taken in turns of these.
 */
export function createDispatcherStep(options: DispatcherOptions): () => Promise<number> {
  const { database, clock, time, attempts, lease, metrics } = options;
  /** For runs with limits, and for the others. */
  const turns = { limited: createTurns(options.weightOf), plain: createTurns(options.weightOf) };
  /** Whether runs with limits, and of several namespaces, waited when it was last looked. */
  let limitsWait = false;
  let isShared = false;
  /** The namespaces of which runs waited then, where it was asked. */
  let namespaces: readonly string[] = [];
  let passes = 0;
  let countedAt = -Infinity;
  let lookedAt = -Infinity;

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

  const soonFree = () => Math.floor(attempts.endedPerMs() * soonMs);

  /** During a burst, claims take all free slots. The dispatcher then gets some of the slots that become free. */
  function room(): number {
    return lease.held() ? Math.min(Math.max(attempts.free(), soonFree()), batchSize) : 0;
  }

  /** The room of a namespace while `limit` slots are kept for the runs that are being taken. */
  const roomOf = (namespace: string, limit: number) => Math.max(attempts.room(namespace, limit), soonFree());

  /** Takes runs without limits. Returns whether more of them may start at once. */
  async function takePlain(limit: number): Promise<boolean> {
    if (!isShared && !options.isShared()) {
      const taken = await take(limit, (owner) => takeWaiting(database.pool, owner, limit, time.now()));
      ({ limitsWait, isShared } = taken);
      return taken.runs.length === limit;
    }
    const placeOf = (of: string) => ({ at: turns.plain.at(of), step: turns.plain.step(of), room: roomOf(of, limit) });
    const taken = await take(limit, (owner) => {
      const places = new Map(namespaces.map((of) => [of, placeOf(of)]));
      return takeInTurns(database.pool, owner, limit, time.now(), places, placeOf(''));
    });
    ({ limitsWait, isShared, namespaces } = taken);
    for (const run of taken.runs) turns.plain.took(run.namespace);
    return taken.runs.length === limit || taken.missed;
  }

  /** Takes runs with limits. Returns how soon it is to be looked again, in milliseconds, at most `wait`. */
  async function takeWithLimits(limit: number, wait: number): Promise<number> {
    const order: InOrder = (candidates, namespaceOf) =>
      inTurns(candidates, namespaceOf, turns.limited, candidates.length, (of) => roomOf(of, limit));
    const { again, waitedMs, runs } = await take(limit, (owner) =>
      takeLimited(database, owner, limit, time.now, order),
    );
    for (const run of runs) turns.limited.took(run.namespace);
    for (const waited of waitedMs) metrics.limitPassed(waited);
    if (again === null) return wait;
    return Math.min(wait, 'at' in again ? Math.max(again.at - time.now(), 1) : again.afterMs);
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

  /** Nothing of the kind is done for a single namespace. */
  async function gather(): Promise<void> {
    if (!options.isShared()) return;
    const wait = lookedAt + gatherMs - clock.monotonic();
    if (wait > 0) await new Promise<void>((resume) => clock.after(wait, resume));
    lookedAt = clock.monotonic();
  }

  return async () => {
    await gather();
    const limit = room();
    if (limit <= 0) return pollMs;
    // Where plain runs and runs with limits both wait, each kind gets half of the slots. A single slot goes to them in
    // turn.
    passes++;
    const plainLimit = limitsWait ? (limit + (passes % 2)) >> 1 : limit;
    let wait = pollMs;
    if (plainLimit === 0 || (await takePlain(plainLimit))) wait = 0;
    const rest = limitsWait ? room() : 0;
    if (rest > 0) wait = await takeWithLimits(rest, wait);
    await count();
    return wait;
  };
}
