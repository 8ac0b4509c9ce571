/**
 * The scheduler: one timer for the earliest instant, and claims for as many due occurrences as there are slots.
 *
 *                       due, slots are free            few slots, more become free
 *     waiting ──────────────────────────────> claiming ───────────────────────────> gathering
 *        ▲                                     │   ▲                                   │
 *        └── nothing is due, or no slot ───────┘   └──── 8 ms have passed ─────────────┘
 *
 *     each of them ── stop ──> stopping ── no claim is under way ──> stopped
 *
 * Waiting ends with the timer, a free slot, a change of the timetable or of the lease. Gathering does not end with a
 * free slot: a burst frees ten slots a millisecond, and a statement for each would cost too much.
 */

import type { Clock, Timer } from '../../clock.ts';
import { isZoned } from '../../domain/schedule/schedule.ts';
import type { WeightOf } from '../../domain/turns/turns.ts';
import type { Logger } from '../../observability/log.ts';
import type { ExhaustedTask } from '../../store/tasks/tasks.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Partition } from '../cluster/partition.ts';
import type { DueLog } from '../timetable/due-log.ts';
import type { DueOccurrence, Timetable } from '../timetable/timetable.ts';
import { createBacklog, type Waiting } from './backlog.ts';
import { boundsOfClaims, leastGatherMs, urgentBatchSize, usualClaims, worthwhile } from './claim-bounds.ts';
import type { ClaimBatch } from './claiming.ts';
import { createClaimsUnderWay } from './claims-under-way.ts';
import { createDueQueue } from './due-queue.ts';
import type { PreClaimedBatch, PreClaimer } from './pre-claimer.ts';

export type Scheduler = {
  /** Looks at the timetable again: it changed, or the lease is held again. */
  wake(): void;
  /** A slot is free. */
  slotFree(): void;
  /** Claims these due occurrences, which were not won by a pre-claim. */
  release(due: readonly DueOccurrence[]): void;
  /** The tasks with an occurrence that is being claimed; null while more occurrences wait to be claimed. */
  claiming(): ReadonlySet<number> | null;
  /** The earliest due instant whose run is not known to be written; Infinity when there is none. */
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
  weightOf: WeightOf;
  preClaimer: Pick<PreClaimer, 'takeIn' | 'first' | 'take' | 'oldest'>;
  /** Whether a task is in this replica's partition. Other replicas claim its occurrences only later. */
  isOwn: Partition['isOwn'];
  /** Whether it may claim them at all. Replicas that may also sweep them. */
  mayClaim: Partition['mayClaim'];
  dueLog: DueLog;
  /** Counts the results of pre-claims and of failed claims; `claim` counts its own. */
  onClaims: (outcome: 'pre_claimed' | 'failed', count: number) => void;
  /** The last occurrences of these tasks, which were pre-claimed, are written down. */
  onExhausted: (tasks: readonly ExhaustedTask[]) => void;
};

/** The longest sleep of the timer, in milliseconds. It is short because clocks may jump and timers have a limit. */
const longestSleepMs = 1_000;
/** The most occurrences that are claimed beyond the free slots. */
const mostAhead = 1_000;

type State = { name: 'running' } | { name: 'gathering'; timer: Timer } | { name: 'stopping'; stopped: () => void };

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { clock, time, timetable, attempts, lease, preClaimer, isOwn, dueLog } = options;
  const backlog = createBacklog(options.weightOf);
  const dueQueue = createDueQueue({
    ...{ timetable, dueLog, backlog, isOwn, preClaimed: preClaimer },
    callsWait: attempts.callsWait,
    monotonic: clock.monotonic,
  });
  const claims = createClaimsUnderWay({
    ...{ clock, log: options.log, attempts, lease },
    onUnconfirmed: (waiting) => backlog.add({ ...waiting, unconfirmed: true }),
    onFailed: (count) => options.onClaims('failed', count),
    onOver,
  });
  let state: State = { name: 'running' };
  let timer: Timer | null = null;
  /** How long a claim takes, in milliseconds, as a moving average. */
  let claimMs = 5;

  const bounds = () => boundsOfClaims(timetable.isShared());
  /** Where namespaces share the slots, a pre-claimed batch that waits for some does not hold up the others. */
  const waitingBatch = () => (timetable.isShared() ? preClaimer.first() : null);
  const mayClaim = () => state.name !== 'stopping' && lease.held();

  function tick(): void {
    timer?.cancel();
    timer = null;
    if (state.name === 'stopping') return;
    if (lease.held()) {
      const now = time.now();
      // Pre-claimed batches are committed first. Their commits run while the other occurrences are taken in.
      dueQueue.takePreClaimed(now);
      claimAll();
      dueQueue.takeIn(now);
      claimAll();
    }
    const wait = lease.held() ? dueQueue.next() - time.now() : longestSleepMs;
    timer = clock.after(Math.min(Math.max(wait, 1), longestSleepMs), tick);
  }

  function claimAll(): void {
    while (mayClaim() && (claimUrgent() || claimUsual()));
  }

  /**
   * Claims occurrences that come before all those of their namespace being claimed. Returns whether there were any. Such
   * a claim is made beside the usual ones, or while slots are gathered for one.
   */
  function claimUrgent(): boolean {
    if (claims.count('urgent') >= bounds().urgentClaims) return false;
    if (claims.count('usual') === 0 && state.name !== 'gathering' && waitingBatch() === null) return false;
    const taken = backlog.take(urgentBatchSize, urgentRoomOf, beforeClaims);
    if (taken.length === 0) return false;
    const batch = inGrace(taken);
    if (batch.length > 0)
      claims.launch('urgent', batch, (owner, slots, begin) =>
        options.claim(batch, owner, slots, begin, dueQueue.defer),
      );
    return true;
  }

  /** Of a namespace without a claim under way, while others have some or wait as well: all. */
  function beforeClaims(namespace: string): number {
    const last = claims.lastEffectiveDueAt('usual', namespace);
    if (last !== -Infinity) return last;
    const batch = waitingBatch();
    if (batch) return batch.order.effectiveDueAt(namespace);
    return claims.count('usual') === 0 && backlog.isOfOne() ? -Infinity : Infinity;
  }

  /** Of these no more than are still missing of its share of the slots. */
  function urgentRoomOf(namespace: string): number {
    if (claims.lastEffectiveDueAt('usual', namespace) !== -Infinity) return Infinity;
    const left = urgentBatchSize - claims.countOf('urgent', namespace);
    return Math.min(roomOf(namespace), attempts.owed(namespace), left);
  }

  /** Claims or commits as many occurrences as there are slots for. Returns whether there may be more to do. */
  function claimUsual(): boolean {
    if (claims.count('usual') >= usualClaims) return false;
    const free = freeSlots();
    if (free <= 0) return false;
    const preClaimed = preClaimer.first();
    if (preClaimed && preClaimed.order.effectiveDueAt() <= backlog.firstEffectiveDueAt()) {
      if (preClaimed.due.length > free || !preClaimed.order.fits(roomOf)) return false;
      preClaimer.take();
      commit(preClaimed);
      return true;
    }
    if (backlog.size() === 0 || !backlog.namespaces().some((namespace) => roomOf(namespace) > 0)) return false;
    if (free < Math.min(worthwhile, backlog.size()) && attempts.running() > 0) {
      if (state.name === 'running') state = { name: 'gathering', timer: clock.after(bounds().gatherMs, gathered) };
      return false;
    }
    claimNext();
    return true;
  }

  function gathered(): void {
    state = { name: 'running' };
    if (mayClaim()) claimNext();
    claimAll();
  }

  /** The slots that will have become free by the time that the next claim is answered. */
  const soonFree = () => Math.min(Math.floor(attempts.endedPerMs() * (claimMs + leastGatherMs)), mostAhead);
  const freeSlots = () => attempts.free() + soonFree();
  const roomOf = (namespace: string) => attempts.room(namespace) + soonFree();

  function claimNext(): void {
    const free = freeSlots();
    const batch = free <= 0 ? [] : inGrace(backlog.take(Math.min(free, bounds().batchSize), roomOf));
    if (batch.length === 0) return;
    const askedAt = clock.monotonic();
    claims.launch('usual', batch, async (owner, slots, begin) => {
      await options.claim(batch, owner, slots, begin, dueQueue.defer);
      claimMs += (clock.monotonic() - askedAt - claimMs) / 8;
    });
  }

  /** An occurrence that has waited beyond its grace is left to the sweep, which decides about it. */
  function inGrace(batch: Waiting[]): Waiting[] {
    const now = time.now();
    return batch.filter(
      ({ entry, instant, unconfirmed }) =>
        unconfirmed || (instant >= now - entry.misfire.graceMs && options.mayClaim(isZoned(entry.timing.schedule))),
    );
  }

  function commit({ due, commit }: PreClaimedBatch): void {
    claims.launch('usual', due, async (_owner, slots, begin) => {
      const runs = await commit();
      slots.release();
      for (const [place, run] of runs.entries()) begin(run, due[place] as Waiting);
      options.onClaims('pre_claimed', runs.length);
      const last = due.filter(({ nextAt }) => nextAt === Infinity);
      options.onExhausted(last.map(({ entry: { uid, scheduleVersion } }) => ({ uid, scheduleVersion })));
    });
  }

  function onOver(): void {
    if (state.name !== 'stopping') tick();
    else if (claims.count('usual') + claims.count('urgent') === 0) state.stopped();
  }

  tick();
  return {
    wake: tick,
    slotFree() {
      if (state.name !== 'gathering') claimAll();
    },
    release(due) {
      for (const each of due) backlog.add(each);
      claimAll();
    },
    claiming: () => (backlog.size() > 0 ? null : new Set(claims.occurrences().map(({ entry }) => entry.uid))),
    oldestOpen: () =>
      Math.min(backlog.oldest(), preClaimer.oldest(), ...claims.occurrences().map(({ instant }) => instant)),
    stop() {
      timer?.cancel();
      if (state.name === 'gathering') state.timer.cancel();
      return new Promise((resolve) => {
        state = { name: 'stopping', stopped: resolve };
        if (claims.count('usual') + claims.count('urgent') === 0) resolve();
      });
    },
  };
}
