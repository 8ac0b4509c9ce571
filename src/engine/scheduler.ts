/** The scheduler: one timer for the earliest instant, all that is due taken as batches, as many as there are slots. */

import type { Clock, Timer } from '../clock.ts';
import type { LruCache } from '../domain/lru-cache.ts';
import { occurrenceRunId } from '../domain/occurrence.ts';
import type { OccurrenceLock } from '../locks/lock.ts';
import type { Logger } from '../log.ts';
import {
  type Claim,
  claimOccurrences,
  type Due,
  leftOver,
  makeWay,
  type Plan,
  recordOverlaps,
  withoutRun,
} from '../store/claims.ts';
import type { Queryable } from '../store/database.ts';
import { type TakenRun, takeInterrupted } from '../store/dispatch.ts';
import type { Attempts } from './attempts.ts';
import { createBacklog, type Waiting } from './backlog.ts';
import type { ExhaustedTask } from './completer.ts';
import type { DatabaseTime } from './database-time.ts';
import { createIntake } from './intake.ts';
import type { Journal } from './journal.ts';
import type { Lease } from './lease.ts';
import { rankOf } from './rank.ts';
import type { Timetable } from './timetable.ts';

export type Scheduler = {
  /** Looks at the timetable again: it changed, or the lease is held again. */
  wake(): void;
  /** A slot is free for what waits. */
  slotFree(): void;
  /** The earliest occurrence that is due and not yet known to be written down; Infinity when there is none. */
  oldestOpen(): number;
  /** Stops claiming; resolves when no claim is under way. */
  stop(): Promise<void>;
};

export type SchedulerOptions = {
  db: Queryable;
  clock: Clock;
  time: DatabaseTime;
  log: Logger;
  timetable: Timetable;
  attempts: Attempts;
  lease: Pick<Lease, 'id' | 'held'>;
  lock: OccurrenceLock;
  /** Whether this replica is the one to claim a task's occurrences first; the others follow when it does not. */
  isOwn: (uid: number) => boolean;
  /** The plans of the tasks that fired last, so that Postgres need not send them again with every claim. */
  plans: LruCache<number, Plan>;
  journal: Journal;
  /** Counts what became of occurrences. */
  onClaims: (outcome: 'won' | 'denied' | 'taken' | 'queued' | 'overlap' | 'stale' | 'failed', count: number) => void;
  /** The last occurrences of these tasks are written down. */
  onExhausted: (tasks: readonly ExhaustedTask[]) => void;
  /** Runs had to make way for later ones; those to be aborted are with whichever replica has them. */
  onReplaced: (replaced: { skipped: number; cancelled: number; aborting: number }) => void;
  /** Runs were inserted that wait for their check, or for their limits. */
  onWaiting: (checked: boolean) => void;
  /** A task turned out to have changed: its timetable entry is out of date. */
  onStale: () => void;
};

/** With the plan known when the claim was made: the cache may have let go of it when the answer comes. */
type PlannedDue = Due & { plan: Plan | undefined };

type Slots = ReturnType<Attempts['reserve']>;

/** Never sleep longer than this: clock jumps and the limit of timers do no harm then. */
const longestSleepMs = 1_000;
const batchSize = 500;
const claimsInFlight = 2;
/** A bound on what is claimed beyond the free slots. */
const mostAhead = 1_000;
const lockTtlMs = 10_000;
/** While a herd drains, slots free one by one: wait for this many, or this long, to keep the batches worth a statement. */
const worthwhile = 128;
const gatherMs = 4;
const retryMs = 250;

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { db, clock, time, log, timetable, attempts, lease, lock, isOwn, plans, journal } = options;
  const backlog = createBacklog();
  const intake = createIntake({ timetable, journal, backlog, isOwn });
  let timer: Timer | null = null;
  let gathering: Timer | null = null;
  let inFlight = 0;
  let failures = 0;
  /** How long a claim takes, as a moving average. */
  let claimMs = 5;
  const open = new Set<Waiting[]>();
  let stopped = false;
  let stoppedResolve: (() => void) | null = null;

  function tick(): void {
    timer?.cancel();
    timer = null;
    if (stopped) return;
    if (lease.held()) {
      intake.takeIn(time.now());
      pump();
    }
    const wait = lease.held() ? intake.next() - time.now() : longestSleepMs;
    timer = clock.after(Math.min(Math.max(wait, 1), longestSleepMs), tick);
  }

  function pump(): void {
    while (inFlight < claimsInFlight && backlog.size() > 0 && lease.held() && !stopped) {
      const free = attempts.free() + ahead();
      if (free <= 0) return;
      if (free < Math.min(worthwhile, backlog.size()) && attempts.running() > 0) {
        gathering ??= clock.after(gatherMs, () => {
          gathering = null;
          claimNext();
        });
        return;
      }
      claimNext();
    }
  }

  /** How many slots will have become free by the time that a claim is answered: they may be claimed for already. */
  function ahead(): number {
    return Math.min(Math.floor(attempts.endedPerMs() * claimMs), mostAhead);
  }

  function claimNext(): void {
    const free = attempts.free() + ahead();
    if (free <= 0 || stopped || !lease.held()) return;
    const now = time.now();
    // What has waited beyond its grace is left to the sweep, which knows what is to become of it.
    const batch = backlog
      .take(Math.min(free, batchSize))
      .filter(({ entry, instant, doubtful }) => doubtful || instant >= now - entry.misfire.graceMs);
    if (batch.length === 0) return;
    open.add(batch);
    inFlight++;
    const slots = attempts.reserve(batch.length);
    const askedAt = clock.monotonic();
    const begun = new Set<Waiting>();
    claim(batch, slots, begun)
      .then(() => {
        failures = 0;
        claimMs += (clock.monotonic() - askedAt - claimMs) / 8;
      })
      .catch((error) => {
        failures++;
        // An outage is told when it begins, and now and then: not four times a second.
        if (failures === 1 || failures % 100 === 0)
          log.error(
            { err: error, failures, occurrences: batch.length },
            'a claim failed; its occurrences are tried again',
          );
        options.onClaims('failed', batch.length);
        // What has begun is settled by its attempt. Of the rest the commit may have gone through all the same: next time
        // it is looked up by key first.
        for (const waiting of batch) if (!begun.has(waiting)) backlog.add({ ...waiting, doubtful: true });
        return new Promise<void>((resume) => clock.after(retryMs, resume));
      })
      .finally(() => {
        inFlight--;
        open.delete(batch);
        slots.release();
        if (!stopped) tick();
        else if (inFlight === 0) stoppedResolve?.();
      });
  }

  async function claim(batch: Waiting[], slots: Slots, begun: Set<Waiting>): Promise<void> {
    const owner = lease.id();
    const byRun = new Map(batch.map((waiting) => [occurrenceRunId(waiting.entry.uid, waiting.instant), waiting]));
    const begin = (run: TakenRun) => {
      const waiting = byRun.get(run.runId) as Waiting;
      begun.add(waiting);
      attempts.start(run, owner, rankOf(waiting.instant, waiting.entry.priority));
    };

    const doubtful = [...byRun].filter(([, waiting]) => waiting.doubtful).map(([runId]) => runId);
    if (doubtful.length > 0) {
      const interrupted = await takeInterrupted(db, owner, doubtful);
      slots.release();
      for (const run of interrupted) {
        if (!attempts.has(run.runId)) begin(run);
        byRun.delete(run.runId);
      }
    }

    const deferred = [...byRun.keys()].filter((runId) => byRun.get(runId)?.deferred);
    const fresh = [...byRun.keys()].filter((runId) => !byRun.get(runId)?.deferred);
    const granted = fresh.length > 0 ? await lock.take(fresh, owner, lockTtlMs) : [];
    const left = deferred.length > 0 ? await withoutRun(db, deferred) : [];
    const due = [...fresh.filter((_, place) => granted[place]), ...left].map((runId) =>
      dueOf(runId, byRun.get(runId) as Waiting),
    );
    const denied = fresh.filter((_, place) => !granted[place]);
    options.onClaims('denied', denied.length);
    const isLimited = (item: Due) => (byRun.get(item.runId) as Waiting).entry.limited;
    const done: Waiting[] = [];
    for (const limited of [false, true]) {
      let part = due.filter((item) => isLimited(item) === limited);
      while (part.length > 0) {
        const claims = await claimPart(part, limited, owner, slots, begin);
        for (const answer of claims) {
          const waiting = byRun.get(answer.runId) as Waiting;
          if (waiting.last || answer.left === 0) done.push(waiting);
        }
        part = leftOver(part, claims);
      }
    }
    for (const runId of denied) intake.defer(byRun.get(runId) as Waiting);
    options.onExhausted(done.map(({ entry }) => ({ uid: entry.uid, generation: entry.generation })));
  }

  function dueOf(runId: string, { entry, instant }: Waiting): PlannedDue {
    const { uid, generation } = entry;
    const plan = plans.get(uid);
    return { runId, uid, generation, scheduledFor: instant, knownVersion: plan?.version ?? 0, plan };
  }

  async function claimPart(
    due: PlannedDue[],
    limited: boolean,
    owner: string,
    slots: Slots,
    begin: (run: TakenRun) => void,
  ): Promise<Claim[]> {
    if (!lease.held() || lease.id() !== owner) throw new Error('the lease was lost before the claim');
    const claimer = { owner, now: time.now(), trigger: 'schedule' as const };
    const claims = await claimOccurrences(db, due, claimer, limited);
    const dueByRun = new Map(due.map((item) => [item.runId, item]));
    const overlapping: Due[] = [];
    const replacing: Due[] = [];
    let won = 0;
    const waiting = new Set<boolean>();
    slots.release();
    for (const { runId, won: isOurs, waits, plan, overlap } of claims) {
      const item = dueByRun.get(runId) as PlannedDue;
      if (plan) plans.set(item.uid, plan);
      if (isOurs) {
        won++;
        if (waits) {
          waiting.add((plan ?? item.plan)?.policies?.hooks?.before != null);
          continue;
        }
        const { uid, scheduledFor } = item;
        const known = plan ?? (item.plan as Plan);
        begin({ runId, uid, attempt: 1, scheduledFor, trigger: 'schedule', firstStartedAt: null, plan: known });
      } else if (overlap !== 'allow') {
        overlapping.push(item);
        if (overlap === 'replace') replacing.push(item);
      }
    }
    options.onClaims('won', won);
    for (const checked of waiting) options.onWaiting(checked);
    if (claims.length < due.length) {
      const known = new Set([...claims, ...leftOver(due, claims)].map(({ runId }) => runId));
      const stale = due.filter(({ runId }) => !known.has(runId));
      options.onClaims('stale', stale.length);
      options.onStale();
      // Where a limited task is still of this generation and active, its runs are spent; completing checks both.
      if (limited) options.onExhausted(stale);
    }
    if (replacing.length > 0) options.onReplaced(await makeWay(db, replacing, claimer.now));
    const { queued, skipped } =
      overlapping.length === 0 ? { queued: [], skipped: [] } : await recordOverlaps(db, overlapping, claimer);
    options.onClaims('queued', queued.length);
    options.onClaims('overlap', skipped.length);
    options.onClaims('taken', claims.length - won - queued.length - skipped.length);
    return claims;
  }

  tick();
  return {
    wake: tick,
    slotFree: pump,
    oldestOpen: () => Math.min(backlog.oldest(), ...[...open].flat().map(({ instant }) => instant)),
    stop() {
      stopped = true;
      timer?.cancel();
      gathering?.cancel();
      if (inFlight === 0) return Promise.resolve();
      return new Promise((resolve) => {
        stoppedResolve = resolve;
      });
    },
  };
}
