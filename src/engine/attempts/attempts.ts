/** The attempts that this replica is making: started, aborted, and turned into outcome writes when they end. */

import { createIndexedList, type IndexedItem } from '../../domain/indexed-list.ts';
import type { EndedRun } from '../../domain/run/run.ts';
import type { SharesOptions } from '../../domain/turns/shares.ts';
import type { TurnItem } from '../../domain/turns/turn-queue.ts';
import type { Outcome, StartedAttempt } from '../../executors/executor.ts';
import type { NoteRuns } from '../../live/live.ts';
import type { TakenRun } from '../../store/runs/claiming/dispatch.ts';
import type { OutcomeWrite } from '../../store/runs/completing/outcome-writes.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Completer } from './completer.ts';
import { handOverOf, outcomeWriteOf } from './outcomes.ts';
import { createRate } from './rate.ts';
import type { RunObserver } from './run-log.ts';
import { createSlots, type Slots } from './slots.ts';
import { type StartAttemptOptions, startAttempt, startedRun } from './start-attempt.ts';

/** Why an attempt is aborted: the run was cancelled, the lease was lost, or the replica is shutting down. */
export type AbortCause = { kind: 'cancel'; reason: string } | { kind: 'lease' } | { kind: 'shutdown' };

/** An attempt whose end is written down, for metrics and logs. Times in milliseconds. */
export type CompletedAttempt = EndedRun & {
  status: OutcomeWrite['status'];
  /** Whether hooks may have heard of it. */
  hooked: boolean;
  /** Whether a caller may wait for its end, as for a triggered run. */
  awaited: boolean;
};

/** The order of an occurrence among others, and when its task's next one is due (Infinity: never). */
export type Scheduled = { effectiveDueAt: number; nextAt: number };

export type Attempts = Pick<Slots<never>, 'free' | 'room' | 'owed' | 'reserve' | 'hasOpened'> & {
  /** How many attempts end per millisecond just now. */
  endedPerMs(): number;
  running(): number;
  /** Whether a burst of calls is under way. Other work should wait then. */
  callsWait(): boolean;
  /** The runs that this replica works on: their attempts wait for a slot, run, or are not written down yet. */
  inHand(): ReadonlySet<string>;
  /**
   * Starts an attempt of a run that this replica owns as soon as a slot is free for it. Namespaces take turns; within a
   * namespace the earliest effective due time goes first. Runs without one, such as triggered runs, go before those.
   */
  start(run: TakenRun, owner: string, scheduled?: Scheduled): void;
  /** Aborts one run's attempt; false when it is not here. */
  abort(runId: string, cause: AbortCause): boolean;
  abortAll(cause: AbortCause): void;
  /** Resolves when nothing runs any more, or with false after `withinMs`. */
  idle(withinMs: number): Promise<boolean>;
};

export type AttemptsOptions = StartAttemptOptions &
  SharesOptions & {
    completer: Completer;
    time: DatabaseTime;
    /** Milliseconds from now, for waiting. */
    after: (ms: number, run: () => void) => void;
    monotonic: () => number;
    random: () => number;
    maxConcurrent: number;
    onCompleted: (completed: CompletedAttempt) => void;
    onStarted: RunObserver['started'];
    /** An attempt began, or is held or deferred from now on. */
    noteRuns: NoteRuns;
    /** A write was fenced off, because another replica had taken the run over. */
    onFenced: (run: CompletedAttempt) => void;
    /** A slot is free again. */
    onFree: (namespace: string) => void;
    /** A run waits for its next attempt at this instant; or a run queued behind it may start, or be checked, now. */
    onWaiting: (at: number, checked: boolean) => void;
    /** A place that a limit counts is free again. */
    onPlaceFree: () => void;
  };

/** More calls under way than a quick origin has connections, and more ends per millisecond than usual: a burst. */
const crowd = 64;
const quickEndsPerMs = 1;
/**
 * The longest time, in milliseconds, for which an outcome is deferred while calls wait. A crash within this time costs
 * a second attempt. Writing 10,000 outcomes costs as much as 2,000 calls.
 */
const mostDeferMs = 500;
/** An outcome is written this long before the task's next occurrence, whose claim asks whether the run is live. */
const beforeNextMs = 250;
const unscheduled: Scheduled = { effectiveDueAt: -Infinity, nextAt: -Infinity };

type Running = IndexedItem & {
  runId: string;
  namespace: string;
  attempt: StartedAttempt;
  cause: AbortCause | null;
};

/** A run that waits for a slot. */
type Ready = TurnItem & { run: TakenRun; owner: string; scheduled: Scheduled };

export function createAttempts(options: AttemptsOptions): Attempts {
  const { completer, time } = options;
  const running = createIndexedList<Running>();
  const waiters: (() => void)[] = [];
  const slots = createSlots<Ready>(options.maxConcurrent, options);
  const rate = createRate();

  function begin(run: TakenRun, owner: string, { effectiveDueAt, nextAt }: Scheduled): void {
    const startedAt = time.now();
    const attempt = startAttempt(options, run, effectiveDueAt, startedAt);
    const entry: Running = { place: -1, runId: run.runId, namespace: run.namespace, attempt, cause: null };
    running.add(entry);
    options.noteRuns(run.namespace, run.snapshot.taskId);
    if (!entry.attempt.isDeferred) options.onStarted?.(startedRun(run, startedAt));
    void entry.attempt.outcome.then((outcome) => {
      const { cause } = entry;
      // After a lost lease the outcome does not count; the run is taken over with its next attempt.
      if (cause?.kind !== 'lease')
        if (outcome.status === 'held' || outcome.status === 'deferred') handOver(run, owner, outcome, startedAt);
        else complete(run, owner, outcome, cause, startedAt, nextAt);
      end(entry);
    });
  }

  function end(entry: Running): void {
    running.remove(entry);
    slots.giveBack(entry.namespace);
    rate.add(options.monotonic());
    for (let next = slots.next(); next; next = slots.next()) begin(next.run, next.owner, next.scheduled);
    options.onFree(entry.namespace);
    if (running.size() === 0) for (const resolve of waiters.splice(0)) resolve();
  }

  function abort(entry: Running, cause: AbortCause): void {
    entry.cause ??= cause;
    entry.attempt.cancel();
  }

  /** How long from now a plain success may be deferred, in milliseconds; 0 for all other outcomes. */
  function mayWaitMs({ status }: OutcomeWrite, run: TakenRun, nextAt: number): number {
    const { policies, queues } = run.snapshot;
    const waitedFor = policies !== null || queues || run.inQuota;
    const isPlain = status === 'succeeded' && run.trigger === 'schedule' && !waitedFor;
    return isPlain ? Math.min(mostDeferMs, nextAt - beforeNextMs - time.now()) : 0;
  }

  /** Writes down that the run is held now, or that its target was not called. */
  function handOver(run: TakenRun, owner: string, outcome: Outcome, startedAt: number): void {
    const at = { startedAt, finishedAt: time.now(), random01: options.random() };
    const written = handOverOf(run, outcome, at);
    const takesPlace = hasPlace(run);
    completer.add({
      owner,
      deferUntil: 0,
      handOver: written,
      // The holder of the run may have completed it already: then there is nothing to write.
      done(isWritten) {
        if (isWritten) options.noteRuns(run.namespace, run.snapshot.taskId);
        if (!isWritten || !written.deferred) return;
        options.onWaiting(written.deferred.until, false);
        if (takesPlace) options.onPlaceFree();
      },
    });
  }

  /** Writes down how the attempt ended. */
  function complete(
    run: TakenRun,
    owner: string,
    outcome: Outcome,
    cause: Exclude<AbortCause, { kind: 'lease' }> | null,
    startedAt: number,
    nextAt: number,
  ): void {
    const { snapshot } = run;
    const takesPlace = hasPlace(run);
    const at = { startedAt, finishedAt: time.now(), random01: options.random() };
    const outcomeWrite = outcomeWriteOf(run, outcome, cause, at);
    const completed: CompletedAttempt = {
      namespace: snapshot.namespace,
      taskId: snapshot.taskId,
      runId: run.runId,
      attempt: run.attempt,
      trigger: run.trigger,
      origin: run.origin,
      status: outcomeWrite.status,
      error: outcomeWrite.error,
      durationMs: outcomeWrite.finishedAt - startedAt,
      latenessMs: run.attempt === 1 ? startedAt - run.scheduledFor : null,
      hooked: snapshot.policies?.hooks != null && outcomeWrite.retryAt === null,
      awaited: run.trigger === 'manual' || run.trigger === 'retry',
    };
    // Other runs of its task may be queued behind it.
    const others = snapshot.queues || run.trigger === 'catch_up' ? outcomeWrite.finishedAt : null;
    const waitingAt = outcomeWrite.retryAt ?? others;
    const checked = outcomeWrite.retryAt === null && snapshot.policies?.hooks?.before != null;
    completer.add({
      owner,
      deferUntil: options.monotonic() + mayWaitMs(outcomeWrite, run, nextAt),
      outcomeWrite,
      // Thousands of outcomes may wait, so nothing else is kept of their runs.
      done(written) {
        if (!written) options.onFenced(completed);
        else options.onCompleted(completed);
        if (written && takesPlace) options.onPlaceFree();
        if (written && waitingAt !== null) options.onWaiting(waitingAt, checked);
      },
    });
  }

  return {
    free: slots.free,
    room: slots.room,
    owed: slots.owed,
    reserve: slots.reserve,
    hasOpened: slots.hasOpened,
    endedPerMs: () => rate.perMs(options.monotonic()),
    running: () => running.size(),
    callsWait: () => running.size() >= crowd && rate.perMs(options.monotonic()) >= quickEndsPerMs,
    inHand() {
      const begun = running.items().map(({ runId }) => runId);
      return new Set([...begun, ...slots.waiting().map(({ run }) => run.runId), ...completer.holds()]);
    },
    start(run, owner, scheduled = unscheduled) {
      const { namespace } = run;
      if (slots.take(namespace)) begin(run, owner, scheduled);
      else slots.wait({ namespace, key: scheduled.effectiveDueAt, place: -1, run, owner, scheduled });
    },
    abort(runId, cause) {
      const entry = running.items().find((each) => each.runId === runId);
      if (entry) abort(entry, cause);
      return entry !== undefined;
    },
    abortAll(cause) {
      // Attempts that have not started are left alone: their runs are taken over like those of a dead replica.
      slots.sendAway();
      for (const entry of [...running.items()]) abort(entry, cause);
    },
    idle(withinMs) {
      if (running.size() === 0) return Promise.resolve(true);
      return new Promise((resolve) => {
        waiters.push(() => resolve(true));
        options.after(withinMs, () => resolve(false));
      });
    },
  };
}

/** Whether a limit keeps count of the run while it is under way. */
function hasPlace({ snapshot, inQuota }: TakenRun): boolean {
  return inQuota || snapshot.policies?.maxConcurrency != null || snapshot.policies?.concurrency != null;
}
