/** One replica's engine: puts the loops together, and ends them in the right order. */

import { namespaceMember } from '../domain/access/namespace.ts';
import type { GaugeState } from '../observability/metrics.ts';
import type { Signal } from '../redis/signals.ts';
import { readWatermark } from '../store/runs/recovery/sweep.ts';
import { createAttempts } from './attempts/attempts.ts';
import { createCancelStep } from './attempts/cancels.ts';
import { createCompleter } from './attempts/completer.ts';
import { createDispatcherStep } from './attempts/dispatcher.ts';
import { createHeartbeatStep } from './attempts/heartbeats.ts';
import { createClockAlarmStep, describeDoubt } from './cluster/clock-alarm.ts';
import { holdLease } from './cluster/lease.ts';
import { createPartition } from './cluster/partition.ts';
import { createZoneAlarmStep } from './cluster/zone-alarm.ts';
import { type Firing, startFiring } from './firing/firing.ts';
import { startHooks } from './hooks/hooks.ts';
import { type Loop, type LoopOptions, startLoop } from './loop.ts';
import { createMaintenanceStep } from './maintenance/maintenance.ts';
import { createRollUpStep } from './maintenance/roll-up.ts';
import { createTaskFinisher } from './maintenance/task-finisher.ts';
import type { EngineOptions } from './options.ts';
import { createStuckRunStep } from './recovery/stuck-runs.ts';
import { createSweepStep } from './recovery/sweeper.ts';
import { createTakeoverStep } from './recovery/takeover.ts';
import { createUnconfirmedMissStep } from './recovery/unconfirmed-misses.ts';
import { createDueLog } from './timetable/due-log.ts';
import { createReconcilerStep } from './timetable/reconciler.ts';
import { createTimetable, type Entry } from './timetable/timetable.ts';

export type Engine = {
  /** Takes a signal, from here or from another replica. */
  receive(signal: Exclude<Signal, 'over' | 'namespaces' | 'secrets'>): void;
  /** The reasons why it is not ready, by check; empty when it fires tasks. */
  readinessFailures(): Record<string, string>;
  /** Whether a burst of calls is under way. Other work should wait then. */
  callsWait(): boolean;
  /** The active tasks of a namespace, with all changes that were made before this call; null until they are loaded. */
  tasksOf(namespace: string): Promise<Entry[] | null>;
  /** Aborts a run's attempt if it is here. */
  abort(runId: string, reason: string): boolean;
  /**
   * Stops claiming, lets running attempts finish for `graceMs`, hands back the rest, gives up the lease. Never rejects.
   */
  stop(graceMs: number): Promise<void>;
  /** The values of the gauges, as of now. */
  state(): Omit<GaugeState, 'dependencies'> & { loaded: boolean };
};

export function startEngine(options: EngineOptions): Engine {
  const { clock, time, log, metrics, calendar, db, noteRuns } = options;
  const timetable = createTimetable();
  const dueLog = createDueLog();
  const shared = { weightOf: options.weightOf, isShared: timetable.isShared };
  const partition = createPartition(options.identity.tz);
  const completer = createCompleter(db.claims.pool, clock, log, () => attempts.callsWait(), timetable.isShared);
  const loops = new Map<string, Loop>();
  let firing: Firing | null = null;
  let loaded = false;
  let stopping = false;
  let followedUntil = 0;
  let followers: (() => void)[] = [];

  const loop = (name: string, step: LoopOptions['step']) =>
    loops.set(name, startLoop({ name, clock, log, step, retryMs: 500 }));
  const wake = (name: string) => loops.get(name)?.wake();
  const wakeAt = (name: string, at: number) => void clock.after(Math.max(0, at - time.now()), () => wake(name));

  const attempts = createAttempts({
    execute: options.execute,
    tokenOf: options.tokens.tokenOf,
    completer,
    time,
    after: (ms, run) => void clock.after(ms, run),
    monotonic: clock.monotonic,
    random: options.random,
    maxConcurrent: options.maxConcurrent,
    ...shared,
    onCompleted(completed) {
      options.runs.ended(completed);
      if (completed.hooked) wake('outbox');
      if (completed.awaited) options.signal('over');
    },
    onStarted: options.runs.started,
    noteRuns: options.noteRuns,
    onFenced({ namespace, runId, taskId }) {
      metrics.fencedWrite();
      log.warn(
        { ...namespaceMember(namespace), runId, taskId },
        'an outcome was dropped: another replica had taken the run over',
      );
    },
    onFree(namespace) {
      firing?.scheduler.slotFree();
      if (attempts.hasOpened(namespace)) wake('dispatcher');
    },
    onWaiting: (at, checked) => wakeAt(checked ? 'checks' : 'dispatcher', at),
    // A replica without a free slot for the next run signals the others.
    onPlaceFree: () => (attempts.free() > 0 && !stopping ? wake('dispatcher') : options.signal('waiting')),
  });

  const lease = holdLease({
    db: db.lease.pool,
    clock,
    time,
    log,
    ttlMs: options.leaseTtlMs,
    state: () => ({
      ...options.identity,
      running: attempts.running(),
      tasksLoaded: timetable.size(),
      firing: loaded && !stopping && time.doubt() === null,
      breakers: options.breakers(),
    }),
    onHeld(id) {
      log.info({ replica: id }, 'the lease is held');
      begin();
      options.onHeld();
      for (const each of loops.values()) each.wake();
      firing?.scheduler.wake();
    },
    onPeers(own, peers) {
      partition.follow(own, peers);
      options.onPeers(peers.map(({ id }) => id));
    },
    onLost: () => attempts.abortAll({ kind: 'lease' }),
    onJump: (ms) => log.warn({ jumpMs: ms }, "the database's clock jumped"),
  });

  /** Only a clock that is believed can tell which occurrences are due and which leases are over. */
  const believed = { id: lease.id, held: () => lease.held() && time.doubt() === null };

  /** Only a replica with a lease, and so with the database's time, has anything to do. */
  function begin(): void {
    if (loops.size > 0) return;
    const taskFinisher = createTaskFinisher(db.other.pool, time, attempts.callsWait, () => wake('completer'));
    loop('completer', taskFinisher.step);
    const reconcile = createReconcilerStep({
      ...{ db: db.other.pool, log, calendar, timetable, turns: options.turns },
      mayClaim: partition.mayClaim,
      watermark: () => readWatermark(db.other.pool),
      onChange: () => firing?.scheduler.wake(),
      onExhausted: (task) => taskFinisher.add([task]),
      onDeleted: metrics.forgetTask,
      onTaskChanged: options.noteTask,
    });
    loop('reconciler', async () => {
      const asOf = time.now();
      const waiting = followers;
      followers = [];
      // A pass that failed leaves the timetable as it was.
      const wait = await reconcile().finally(() => waiting.forEach((resume) => void resume()));
      followedUntil = asOf;
      if (!loaded) {
        loaded = true;
        // From now on the replica has a partition.
        lease.renew();
        options.onLoaded();
      }
      return wait;
    });
    loop('dispatcher', createDispatcherStep({ ...shared, database: db.claims, clock, time, attempts, lease, metrics }));
    const hooks = startHooks({
      ...{ database: db.other, clock, time, log, metrics, lease: believed, random: options.random, noteRuns },
      executors: options.executors,
      onWaiting: () => wake('dispatcher'),
    });
    for (const [name, each] of hooks) loops.set(name, each);
    const recovery = {
      ...{ database: db.other, clock, time, log, metrics, lease: believed, attempts, noteRuns },
      onTaken: () => wake('outbox'),
      onRetry: () => wake('dispatcher'),
    };
    loop('takeover', createTakeoverStep(recovery));
    loop('stuck-runs', createStuckRunStep(recovery));
    const pause = (ms: number) => new Promise<void>((resume) => clock.after(ms, resume));
    loop('unconfirmed-misses', createUnconfirmedMissStep({ database: db.other, time, log, lease, pause }));
    loop('clock', createClockAlarmStep({ clock, time, log }));
    loop('zones', createZoneAlarmStep({ clock, log, zones: partition.zones }));
    loop(
      'heartbeats',
      createHeartbeatStep({
        ...{ database: db.other, time, log, lease, random: options.random },
        ...{ runs: options.runs, onWaiting: (at) => wakeAt('dispatcher', at) },
      }),
    );
    loop('cancels', createCancelStep({ db: db.other.pool, lease, attempts, slots: options.maxConcurrent }));
    const { historyRetentionMs: retentionMs, auditRetentionMs } = options;
    const kept = { retentionMs, auditRetentionMs };
    loop('maintenance', createMaintenanceStep({ database: db.other, time, ...kept, lease, pause }));
    loop('roll-up', createRollUpStep({ database: db.other, time, lease, retentionMs: options.statsRetentionMs }));
    firing = startFiring({
      ...{ db, clock, time, log, timetable, attempts, dueLog, lease: believed, lock: options.lock },
      ...{
        isOwn: partition.isOwn,
        mayClaim: partition.mayClaim,
        runIds: options.runIds,
        prepare: options.executors.prepare,
      },
      ...{ preClaimedBatches: options.preClaimedBatches, maxConcurrent: options.maxConcurrent },
      ...{ turns: options.turns, weightOf: options.weightOf, noteRuns },
      onClaims(outcome, count) {
        metrics.claims(outcome, count);
        if (outcome === 'overlap') metrics.skipped('overlap', count);
      },
      onExhausted: taskFinisher.add,
      onReplaced({ skipped, cancelled, aborting }) {
        metrics.skipped('replaced', skipped);
        metrics.cancelled('replace', cancelled + aborting);
        if (aborting > 0) options.signal('cancel');
      },
      onWaiting: (checked) => wake(checked ? 'checks' : 'dispatcher'),
      onStale: () => wake('reconciler'),
    });
    for (const [name, step] of Object.entries(firing.steps)) loop(name, step);
    const sweep = createSweepStep({
      ...{ database: db.other, time, log, lease: believed, timetable, dueLog, turns: options.turns, noteRuns },
      hasNewestZones: () => partition.mayClaim(true),
      runIds: options.runIds,
      followedUntil: () => followedUntil,
      oldestOpen: firing.scheduler.oldestOpen,
      onFound(repaired, missed) {
        metrics.sweepFound(repaired, missed);
        if (missed > 0) wake('outbox');
      },
      onWaiting() {
        wake('dispatcher');
        wake('checks');
      },
    });
    // Until the timetable is loaded, a missing occurrence in it proves nothing.
    loop('sweep', async () => (loaded ? sweep() : 500));
  }

  return {
    receive(signal) {
      wake({ tasks: 'reconciler', waiting: 'dispatcher', checks: 'checks', cancel: 'cancels' }[signal]);
    },
    readinessFailures() {
      const readinessFailures: Record<string, string> = {};
      const trouble = lease.trouble();
      if (trouble) readinessFailures.postgres = trouble;
      if (!lease.held()) readinessFailures.lease = `not held: ${trouble ?? 'Postgres does not answer in time'}`;
      if (!loaded) readinessFailures.tasks = 'not loaded yet';
      const doubt = time.doubt();
      if (doubt) readinessFailures.clock = describeDoubt(doubt);
      return readinessFailures;
    },
    callsWait: attempts.callsWait,
    async tasksOf(namespace) {
      if (!loaded || stopping) return null;
      await new Promise<void>((resume) => {
        followers.push(resume);
        wake('reconciler');
      });
      return timetable.tasksOf(namespace);
    },
    abort: (runId, reason) => attempts.abort(runId, { kind: 'cancel', reason }),
    async stop(graceMs) {
      stopping = true;
      // The other replicas take over its partition.
      lease.renew();
      await firing?.scheduler.stop();
      const others = [...loops].filter(([name]) => name !== 'cancels').map(([, each]) => each.stop());
      await Promise.all(others);
      await firing?.close();
      if (!(await attempts.idle(graceMs))) {
        log.warn({ running: attempts.running() }, 'the grace is over: handing back the runs that are left');
        attempts.abortAll({ kind: 'shutdown' });
        await attempts.idle(2_000);
      }
      await completer.drain(5_000);
      await loops.get('cancels')?.stop();
      await lease
        .stop()
        .catch((error) => log.warn({ err: error }, 'the lease could not be given up; it expires by itself'));
    },
    state: () => ({
      running: attempts.running(),
      tasks: timetable.size(),
      leaseRemainingMs: lease.remainingMs(),
      clockOffsetMs: time.offset(),
      clockJumped: time.doubt() !== null,
      zones: partition.zones(),
      breakers: options.breakers(),
      loaded,
    }),
  };
}
