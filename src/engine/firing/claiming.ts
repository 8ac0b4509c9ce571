/**
 * One claim of a batch of occurrences.
 *
 *     unconfirmed ── the run is ours already ─────────────────────────────────────> begin
 *     the rest ──> lock ── granted ──> insert ── won ─────────────────────────────> begin
 *                   │                    ├────── the key exists ──> another replica has it
 *                   │                    ├────── overlaps ────────> recorded: skipped, queued, or the other is replaced
 *                   │                    └────── the task changed ─> stale: the timetable follows the feed
 *                   └── refused ──> set aside, and asked of Postgres half a second later
 */

import type { LRUCache } from 'lru-cache';
import type { RunIds } from '../../domain/run/ids.ts';
import type { Target } from '../../domain/task/target.ts';
import type { NoteRuns } from '../../live/live.ts';
import type { OccurrenceLock } from '../../redis/lock.ts';
import { type Database, inTransaction, type Queryable } from '../../store/postgres/database.ts';
import {
  type Claim,
  type Claimer,
  claimOccurrences,
  type Due,
  leftOver,
  type TaskSnapshot,
} from '../../store/runs/claiming/claims.ts';
import { scheduledRun, type TakenRun, takeUnconfirmed } from '../../store/runs/claiming/dispatch.ts';
import { meetOverlaps } from '../../store/runs/claiming/overlaps.ts';
import { withoutRun } from '../../store/runs/history.ts';
import type { ExhaustedTask } from '../../store/tasks/tasks.ts';
import type { Attempts } from '../attempts/attempts.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Waiting } from './backlog.ts';

export type ClaimingOptions = {
  database: Database;
  time: Pick<DatabaseTime, 'now'>;
  attempts: Pick<Attempts, 'inHand'>;
  lease: Pick<Lease, 'id' | 'held'>;
  lock: OccurrenceLock;
  lockTtlMs: number;
  runIds: RunIds;
  /**
   * The task snapshots of tasks that fired recently and fire again soon, so that Postgres need not send them with every
   * claim.
   */
  snapshots: LRUCache<number, TaskSnapshot>;
  /** Prepares the next call of a target. */
  prepare: (target: Target) => void;
  /** Counts the results of claims. */
  onClaims: (outcome: 'won' | 'denied' | 'taken' | 'queued' | 'overlap' | 'stale', count: number) => void;
  /** The last occurrences of these tasks are written down. */
  onExhausted: (tasks: readonly ExhaustedTask[]) => void;
  /** Runs were replaced by later ones. `aborting` are running, here or on another replica. */
  onReplaced: (replaced: { skipped: number; cancelled: number; aborting: number }) => void;
  /** Runs were inserted that wait for their check, or for their limits. */
  onWaiting: (checked: boolean) => void;
  /** Runs were written that do not begin now. */
  noteRuns: NoteRuns;
  /** A task has changed: its timetable entry is out of date. */
  onStale: () => void;
};

/** The slots that are kept for a claim, to be released before its runs begin. */
export type Slots = ReturnType<Attempts['reserve']>;

/** Begins a run that was won; `waiting` is its occurrence. */
export type Begin = (run: TakenRun, waiting: Waiting) => void;

/**
 * Claims the occurrences for `owner`. When it rejects, it is not known of the runs that were not begun whether they
 * were written.
 */
export type ClaimBatch = (
  batch: readonly Waiting[],
  owner: string,
  slots: Slots,
  begin: Begin,
  defer: (waiting: Waiting) => void,
) => Promise<void>;

/**
 * An occurrence with the task snapshot that was known when the claim was sent. The cache may have dropped it by the
 * time the answer comes.
 */
type DueWithSnapshot = Due & { namespace: string; taskId: string; snapshot: TaskSnapshot | undefined; nextAt: number };

/**
 * A task snapshot is kept for a task that is due again within this time, in milliseconds. A burst of more tasks than
 * the cache holds would only evict entries, and make the garbage collector copy every task snapshot.
 */
const keptForMs = 5 * 60_000;

const noOverlaps = { replaced: { skipped: 0, cancelled: 0, aborting: 0 }, queued: [], skipped: [] };

export function createClaiming(options: ClaimingOptions): ClaimBatch {
  const { database, time, attempts, lease, lock, snapshots } = options;
  const db = database.pool;

  function dueOf(runId: string, { entry, instant, nextAt }: Waiting): DueWithSnapshot {
    const { uid, id: taskId, namespace, scheduleVersion } = entry;
    const snapshot = snapshots.get(uid);
    const task = { uid, namespace, taskId, scheduleVersion, knownVersion: snapshot?.version ?? 0, snapshot };
    return { runId, ...task, scheduledFor: instant, nextAt };
  }

  const note = ({ namespace, taskId }: DueWithSnapshot) => options.noteRuns(namespace, taskId);

  async function meet(overlapping: readonly Due[], replacing: ReadonlySet<Due>, claimer: Claimer) {
    if (overlapping.length === 0) return noOverlaps;
    const work = (on: Queryable) => meetOverlaps(on, overlapping, (due) => replacing.has(due), claimer);
    return replacing.size === 0 ? work(db) : inTransaction(database, work);
  }

  async function claimPart(
    due: DueWithSnapshot[],
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
    const replacing = new Set<Due>();
    let won = 0;
    const waiting = new Set<boolean>();
    slots.release();
    for (const { runId, won: isOurs, waits, snapshot, overlap } of claims) {
      const item = dueByRun.get(runId) as DueWithSnapshot;
      // Whoever takes a run that waits gets the task snapshot with it. Without one here, the task is not pre-claimed.
      if (waits) snapshots.delete(item.uid);
      else if (snapshot && item.nextAt < claimer.now + keptForMs) {
        snapshots.set(item.uid, snapshot);
        options.prepare(snapshot.target);
      }
      if (isOurs) {
        won++;
        if (waits) {
          waiting.add((snapshot ?? item.snapshot)?.policies?.hooks?.before != null);
          note(item);
          continue;
        }
        begin(scheduledRun(item, item.namespace, snapshot ?? (item.snapshot as TaskSnapshot)));
      } else if (overlap !== 'allow') {
        overlapping.push(item);
        if (overlap === 'replace') replacing.add(item);
      }
    }
    options.onClaims('won', won);
    for (const checked of waiting) options.onWaiting(checked);
    if (claims.length < due.length) {
      const known = new Set([...claims, ...leftOver(due, claims)].map(({ runId }) => runId));
      const stale = due.filter(({ runId }) => !known.has(runId));
      options.onClaims('stale', stale.length);
      options.onStale();
      // A task with `maxRuns` that is still of this schedule version has no runs left. The statement that completes it
      // checks both.
      if (limited)
        options.onExhausted(stale.map(({ uid, scheduleVersion }) => ({ uid, scheduleVersion, spent: true })));
    }
    const { replaced, queued, skipped } = await meet(overlapping, replacing, claimer);
    if (replacing.size > 0) options.onReplaced(replaced);
    for (const runId of [...queued, ...skipped]) note(dueByRun.get(runId) as DueWithSnapshot);
    options.onClaims('queued', queued.length);
    options.onClaims('overlap', skipped.length);
    options.onClaims('taken', claims.length - won - queued.length - skipped.length);
    return claims;
  }

  return async (batch, owner, slots, begin, defer) => {
    const byRun = new Map(batch.map((waiting) => [options.runIds.of(waiting.entry.uid, waiting.instant), waiting]));
    const beginRun = (run: TakenRun) => begin(run, byRun.get(run.runId) as Waiting);

    const unconfirmed = [...byRun].filter(([, waiting]) => waiting.unconfirmed).map(([runId]) => runId);
    if (unconfirmed.length > 0) {
      const unconfirmedRuns = await takeUnconfirmed(db, owner, unconfirmed);
      slots.release();
      const inHand = attempts.inHand();
      for (const run of unconfirmedRuns) {
        if (!inHand.has(run.runId)) beginRun(run);
        byRun.delete(run.runId);
      }
    }

    const deferred = [...byRun.keys()].filter((runId) => byRun.get(runId)?.deferred);
    const fresh = [...byRun.keys()].filter((runId) => !byRun.get(runId)?.deferred);
    const granted = fresh.length > 0 ? await lock.take(fresh, owner, options.lockTtlMs) : [];
    const left = deferred.length > 0 ? await withoutRun(db, deferred) : [];
    const due = [...fresh.filter((_, place) => granted[place]), ...left].map((runId) =>
      dueOf(runId, byRun.get(runId) as Waiting),
    );
    const denied = fresh.filter((_, place) => !granted[place]);
    options.onClaims('denied', denied.length);
    const isLimited = (item: Due) => (byRun.get(item.runId) as Waiting).entry.limited;
    const done: ExhaustedTask[] = [];
    for (const limited of [false, true]) {
      let part = due.filter((item) => isLimited(item) === limited);
      while (part.length > 0) {
        const claims = await claimPart(part, limited, owner, slots, beginRun);
        for (const answer of claims) {
          const waiting = byRun.get(answer.runId) as Waiting;
          const { uid, scheduleVersion } = waiting.entry;
          if (waiting.nextAt === Infinity) done.push({ uid, scheduleVersion });
          else if (answer.left === 0) done.push({ uid, scheduleVersion, spent: true });
        }
        part = leftOver(part, claims);
      }
    }
    for (const runId of denied) defer(byRun.get(runId) as Waiting);
    options.onExhausted(done);
  };
}
