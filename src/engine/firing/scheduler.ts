/** The scheduler: one timer for the earliest instant, all that is due taken as batches, as many as there are slots. */

import type { Clock, Timer } from '../../clock.ts';
import { isZoned } from '../../domain/schedule/schedule.ts';
import type { Logger } from '../../observability/log.ts';
import type { TakenRun } from '../../store/runs/dispatch.ts';
import type { ExhaustedTask } from '../../store/tasks/tasks.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { DueLog } from '../timetable/due-log.ts';
import { effectiveDueTime } from '../timetable/effective-due-time.ts';
import type { Partition } from '../timetable/partition.ts';
import type { DueOccurrence, Timetable } from '../timetable/timetable.ts';
import { createBacklog, type Waiting } from './backlog.ts';
import type { Begin, ClaimBatch, Slots } from './claiming.ts';
import { createDueQueue } from './due-queue.ts';
import type { PreClaimedBatch, PreClaimer } from './pre-claimer.ts';

export type Scheduler = {
  /** Looks at the timetable again: it changed, or the lease is held again. */
  wake(): void;
  /** A slot is free for what waits. */
  slotFree(): void;
  /** Claims these, which have come due, like others. */
  release(due: readonly DueOccurrence[]): void;
  /** The tasks with an occurrence that is being claimed; null while more wait for that. */
  claiming(): ReadonlySet<number> | null;
  /** The earliest occurrence that is due and not yet known to be written down; Infinity when there is none. */
  oldestOpen(): number;
  /** Stops claiming; resolves when no claim is under way. */
  stop(): Promise<void>;
};

export type SchedulerOptions = {
  clock: Clock;
  time: Pick<DatabaseTime, 'now'>;
  log: Logger;
  timetable: Timetable;
  attempts: Attempts;
  lease: Pick<Lease, 'id' | 'held'>;
  claim: ClaimBatch;
  preClaimer: Pick<PreClaimer, 'takeIn' | 'first' | 'take' | 'oldest'>;
  /** Whether this replica is the one to claim a task's occurrences first; the others follow when it does not. */
  isOwn: Partition['isOwn'];
  /** Whether it may claim them at all; what it may not, those sweep that may. */
  mayClaim: Partition['mayClaim'];
  dueLog: DueLog;
  /** Counts what became of occurrences, but for those of `claim`. */
  onClaims: (outcome: 'pre_claimed' | 'failed', count: number) => void;
  /** The last occurrences of these tasks, which were pre-claimed, are written down. */
  onExhausted: (tasks: readonly ExhaustedTask[]) => void;
};

/** Never sleep longer than this: clock jumps and the limit of timers do no harm then. */
const longestSleepMs = 1_000;
const batchSize = 500;
const claimsInFlight = 2;
const urgentBatchSize = 32;
/** A bound on what is claimed beyond the free slots. */
const mostAhead = 1_000;
/**
 * While a burst drains, slots free one by one: wait for this many, or this long, to keep the batches worth a statement.
 */
const worthwhile = 256;
const gatherMs = 8;
const retryMs = 250;

const effectiveDueTimeOf = ({ entry, instant }: Waiting) => effectiveDueTime(instant, entry.priority);

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { clock, time, log, timetable, attempts, lease, preClaimer, isOwn, dueLog } = options;
  const backlog = createBacklog();
  const { callsWait } = attempts;
  const { monotonic } = clock;
  const dueQueue = createDueQueue({ timetable, dueLog, backlog, isOwn, preClaimed: preClaimer, callsWait, monotonic });
  let timer: Timer | null = null;
  let gathering: Timer | null = null;
  let inFlight = 0;
  let urgentUnderWay = false;
  let failures = 0;
  /** How long a claim takes, as a moving average. */
  let claimMs = 5;
  let open: (readonly Waiting[])[] = [];
  let stopped = false;
  let stoppedResolve: (() => void) | null = null;

  function tick(): void {
    timer?.cancel();
    timer = null;
    if (stopped) return;
    if (lease.held()) {
      const now = time.now();
      // What is pre-claimed is on its way to Postgres while the rest is looked through.
      dueQueue.takePreClaimed(now);
      pump();
      dueQueue.takeIn(now);
      pump();
    }
    const wait = lease.held() ? dueQueue.next() - time.now() : longestSleepMs;
    timer = clock.after(Math.min(Math.max(wait, 1), longestSleepMs), tick);
  }

  function pump(): void {
    while (lease.held() && !stopped && (claimUrgent() || claimUsual()));
  }

  /**
   * What comes before all that is being claimed does not wait for that: it is claimed besides, and for the next slot.
   * Says whether there was any.
   */
  function claimUrgent(): boolean {
    if (urgentUnderWay || inFlight === 0) return false;
    const effectiveDueAt = Math.max(...open.map((batch) => effectiveDueTimeOf(batch[batch.length - 1] as Waiting)));
    if (backlog.firstEffectiveDueAt() >= effectiveDueAt) return false;
    const batch = inGrace(backlog.take(urgentBatchSize, effectiveDueAt));
    if (batch.length === 0) return true;
    urgentUnderWay = true;
    launch(batch, async (owner, slots, begin) => {
      try {
        await options.claim(batch, owner, slots, begin, dueQueue.defer);
      } finally {
        urgentUnderWay = false;
      }
    });
    return true;
  }

  /**
   * Claims or commits as much as there are slots for, unless enough is under way; says whether there may be more to do.
   */
  function claimUsual(): boolean {
    if (inFlight - Number(urgentUnderWay) >= claimsInFlight) return false;
    const free = attempts.free() + ahead();
    if (free <= 0) return false;
    const preClaimed = preClaimer.first();
    if (preClaimed && preClaimed.effectiveDueAt <= backlog.firstEffectiveDueAt()) {
      if (preClaimed.due.length > free) return false;
      preClaimer.take();
      commit(preClaimed);
      return true;
    }
    if (backlog.size() === 0) return false;
    if (free < Math.min(worthwhile, backlog.size()) && attempts.running() > 0) {
      gathering ??= clock.after(gatherMs, () => {
        gathering = null;
        claimNext();
        pump();
      });
      return false;
    }
    claimNext();
    return true;
  }

  /**
   * How many slots will have become free by the time that the next claim is answered: they may be claimed for already.
   */
  function ahead(): number {
    return Math.min(Math.floor(attempts.endedPerMs() * (claimMs + gatherMs)), mostAhead);
  }

  function claimNext(): void {
    const free = attempts.free() + ahead();
    if (free <= 0 || stopped || !lease.held()) return;
    const batch = inGrace(backlog.take(Math.min(free, batchSize)));
    if (batch.length === 0) return;
    const askedAt = clock.monotonic();
    launch(batch, async (owner, slots, begin) => {
      await options.claim(batch, owner, slots, begin, dueQueue.defer);
      claimMs += (clock.monotonic() - askedAt - claimMs) / 8;
    });
  }

  /** What has waited beyond its grace is left to the sweep, which knows what is to become of it. */
  function inGrace(batch: Waiting[]): Waiting[] {
    const now = time.now();
    return batch.filter(
      ({ entry, instant, unconfirmed }) =>
        unconfirmed || (instant >= now - entry.misfire.graceMs && options.mayClaim(isZoned(entry.timing.schedule))),
    );
  }

  function commit({ due, commit }: PreClaimedBatch): void {
    launch(due, async (_owner, slots, begin) => {
      const runs = await commit();
      slots.release();
      for (const [place, run] of runs.entries()) begin(run, due[place] as Waiting);
      options.onClaims('pre_claimed', runs.length);
      options.onExhausted(
        due
          .filter(({ nextAt }) => nextAt === Infinity)
          .map(({ entry: { uid, scheduleVersion } }) => ({ uid, scheduleVersion })),
      );
    });
  }

  /**
   * Carries out `work` with a slot kept for each of the batch; what it has not begun when it fails is claimed once
   * more.
   */
  function launch(batch: readonly Waiting[], work: (owner: string, slots: Slots, begin: Begin) => Promise<void>): void {
    open.push(batch);
    inFlight++;
    const owner = lease.id();
    const slots = attempts.reserve(batch.length);
    const begun = new Set<Waiting>();
    const begin = (run: TakenRun, waiting: Waiting) => {
      begun.add(waiting);
      attempts.start(run, owner, { effectiveDueAt: effectiveDueTimeOf(waiting), nextAt: waiting.nextAt });
    };
    work(owner, slots, begin)
      .then(() => {
        failures = 0;
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
        // What has begun is completed by its attempt. Of the rest the commit may have gone through all the same: next
        // time it is looked up by key first.
        for (const waiting of batch) if (!begun.has(waiting)) backlog.add({ ...waiting, unconfirmed: true });
        return new Promise<void>((resume) => clock.after(retryMs, resume));
      })
      .finally(() => {
        inFlight--;
        open = open.filter((each) => each !== batch);
        slots.release();
        if (!stopped) tick();
        else if (inFlight === 0) stoppedResolve?.();
      });
  }

  tick();
  return {
    wake: tick,
    // While slots are gathered none of them is looked at by itself: a burst frees ten of them a millisecond.
    slotFree() {
      if (gathering === null) pump();
    },
    release(due) {
      for (const each of due) backlog.add(each);
      pump();
    },
    claiming: () => (backlog.size() > 0 ? null : new Set(open.flat().map(({ entry }) => entry.uid))),
    oldestOpen: () => Math.min(backlog.oldest(), preClaimer.oldest(), ...open.flat().map(({ instant }) => instant)),
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
