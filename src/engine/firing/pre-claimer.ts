/**
 * Pre-claims bursts: many occurrences that are due at one instant are claimed shortly before it, so that only the calls
 * remain.
 */

import type { LRUCache } from 'lru-cache';
import type { RunIds } from '../../domain/run/ids.ts';
import { nextOccurrence } from '../../domain/schedule/occurrence.ts';
import { isZoned } from '../../domain/schedule/schedule.ts';
import type { WeightOf } from '../../domain/turns/turns.ts';
import type { OccurrenceLock } from '../../redis/lock.ts';
import type { Database } from '../../store/postgres/database.ts';
import type { Claim, Due, TaskSnapshot } from '../../store/runs/claiming/claims.ts';
import { scheduledRun, type TakenRun } from '../../store/runs/claiming/dispatch.ts';
import { type PreClaim, preClaim } from '../../store/runs/claiming/pre-claims.ts';
import type { Turns } from '../../turns.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { Partition } from '../cluster/partition.ts';
import type { DueOccurrence, Entry, Timetable } from '../timetable/timetable.ts';
import { type BatchOrder, orderOf, sortBurst } from './batch-parts.ts';

/** Pre-claimed occurrences whose instant has come. */
export type PreClaimedBatch = {
  due: readonly DueOccurrence[];
  order: BatchOrder;
  /** Commits their runs. Rejects when the lease has changed or Postgres fails; the runs may exist then. */
  commit(): Promise<TakenRun[]>;
};

export type PreClaimer = {
  /** The step of its loop. */
  step(): Promise<number>;
  /**
   * Takes the pre-claimed occurrences that are due at `now` out of the timetable, keeps them until they are committed,
   * and returns them.
   */
  takeIn(now: number): readonly DueOccurrence[];
  /** The batch to commit next; null when none is ready. It stays until it is taken. */
  first(): PreClaimedBatch | null;
  /** Takes the first batch; the caller commits it. */
  take(): void;
  /** The earliest instant that has come and is kept here; Infinity when there is none. */
  oldest(): number;
  /** Rolls back all pre-claims, after the loop has ended. */
  stop(): Promise<void>;
};

export type PreClaimerOptions = {
  database: Database;
  time: Pick<DatabaseTime, 'now'>;
  timetable: Pick<Timetable, 'dueBy' | 'takeOne' | 'isShared'>;
  snapshots: LRUCache<number, TaskSnapshot>;
  /** Whether a task is in this replica's partition. */
  isOwn: Partition['isOwn'];
  lease: Pick<Lease, 'id' | 'held'>;
  lock: OccurrenceLock;
  lockTtlMs: number;
  runIds: RunIds;
  /** How many batches may be pre-claimed at once; each has a connection of its own. */
  mostBatches: number;
  batchSize: number;
  turns: Turns;
  /** The weights of namespaces. */
  weightOf: WeightOf;
  /**
   * The tasks with an occurrence that is being claimed: a later occurrence must not overtake it. Null while more
   * occurrences wait to be claimed, because pre-claiming would take their slots.
   */
  claiming: () => ReadonlySet<number> | null;
  /** Called with due occurrences whose pre-claim was rolled back. They must be claimed. */
  onReleased: (due: readonly DueOccurrence[]) => void;
};

type Member = Due & { snapshot: TaskSnapshot };

type PreClaimed = {
  instant: number;
  owner: string;
  /** By the task's number. */
  members: Map<number, Member>;
  /** Its occurrences that are due; null before its instant. */
  kept: DueOccurrence[] | null;
  /** That of `kept`; null until it is asked for. */
  order: BatchOrder | null;
  /** Null while it is being written or rolled back. */
  claim: PreClaim | null;
};

type Ready = PreClaimed & { claim: PreClaim; kept: [DueOccurrence, ...DueOccurrence[]] };

const everyMs = 100;
/**
 * How long before its instant a burst is pre-claimed. All batches are written in this time. A stop may have to wait for
 * as long.
 */
const leadMs = 400;
/** Occurrences that are due sooner than this are claimed when they are due. */
const leastLeadMs = 5;
/** How long a batch waits for slots after its instant. Then other replicas may claim its occurrences. */
const mostWaitMs = 300;
/** Fewer occurrences at one instant are claimed with one statement anyway. */
const leastBurst = 64;
/** How many timetable entries are looked at for each that can be pre-claimed. */
const lookedAtPerPlace = 2;
/** The largest batch where several namespaces share the replica. Then half of the connections are left to claims. */
const largestShared = 100;

export function createPreClaimer(options: PreClaimerOptions): PreClaimer {
  const { database, time, timetable, snapshots, isOwn, lease, lock, lockTtlMs, turns } = options;
  /** In the order in which they are to start. */
  let preClaimed: PreClaimed[] = [];
  const byUid = new Map<number, PreClaimed>();

  const shared = { mostBatches: options.mostBatches >> 1, batchSize: Math.min(options.batchSize, largestShared) };
  const bounds = () => (timetable.isShared() ? shared : options);

  function forget(batch: PreClaimed): void {
    preClaimed = preClaimed.filter((each) => each !== batch);
    for (const uid of batch.members.keys()) byUid.delete(uid);
  }

  async function discard(batch: PreClaimed): Promise<void> {
    const { claim } = batch;
    // While it is being rolled back it is not committed and not rolled back again, and its occurrences stay known here.
    batch.claim = null;
    await claim?.rollback();
    forget(batch);
    options.onReleased(batch.kept ?? []);
  }

  /** Whether it will be due soon enough, late enough, and needs nothing but a call. */
  function isPlain({ key, limited, uid, timing }: Entry, now: number): boolean {
    if (key < now + leastLeadMs || limited || byUid.has(uid) || !isOwn(uid, isZoned(timing.schedule))) return false;
    return snapshots.get(uid)?.policies === null;
  }

  /** The bursts that are due soon and are not pre-claimed, by instant. */
  function bursts(): [instant: number, Entry[]][] {
    const now = time.now();
    const { mostBatches, batchSize } = bounds();
    const byInstant = new Map<number, Entry[]>();
    for (const entry of timetable.dueBy(now + leadMs, lookedAtPerPlace * mostBatches * batchSize)) {
      if (!isPlain(entry, now)) continue;
      const burst = byInstant.get(entry.key);
      if (burst) burst.push(entry);
      else byInstant.set(entry.key, [entry]);
    }
    return [...byInstant].filter(([, burst]) => burst.length >= leastBurst).sort(([a], [b]) => a - b);
  }

  /** From here on `takeIn` knows the occurrences, so they cannot be claimed twice. */
  function begin(instant: number, entries: readonly Entry[]): PreClaimed {
    const batch: PreClaimed = { instant, owner: lease.id(), members: new Map(), kept: null, order: null, claim: null };
    for (const { uid, scheduleVersion } of entries) {
      const snapshot = snapshots.get(uid);
      if (snapshot === undefined) continue;
      const runId = options.runIds.of(uid, instant);
      batch.members.set(uid, {
        runId,
        uid,
        scheduleVersion,
        scheduledFor: instant,
        knownVersion: snapshot.version,
        snapshot,
      });
      byUid.set(uid, batch);
    }
    preClaimed.push(batch);
    return batch;
  }

  /** Schedules remember their last answer, so this spares the same computation at the instant itself. */
  async function lookAhead(entries: readonly Entry[], instant: number): Promise<void> {
    for (const { timing } of entries) {
      if (turns.areOver()) await turns.take();
      nextOccurrence(timing, instant);
    }
  }

  async function write(batch: PreClaimed): Promise<void> {
    const { owner, instant } = batch;
    try {
      const due = [...batch.members.values()];
      const granted = await lock.take(
        due.map(({ runId }) => runId),
        owner,
        lockTtlMs,
      );
      const ours = due.filter((_, place) => granted[place]);
      const claimer = { owner, now: instant, trigger: 'schedule' as const };
      if (ours.length > 0) batch.claim = await preClaim(database, ours, claimer);
    } catch (error) {
      await discard(batch);
      throw error;
    }
    await sort(batch);
  }

  const isPromised = ({ won, waits }: Claim) => won && !waits;

  /** Occurrences that were not won are claimed, or found to be taken, when they are due. */
  async function sort(batch: PreClaimed): Promise<void> {
    const { members } = batch;
    const promised = new Map(batch.claim?.claims.filter(isPromised).map((claim) => [claim.runId, claim]));
    const waiting = new Set(batch.claim?.claims.filter(({ waits }) => waits).map(({ runId }) => runId));
    for (const [uid, member] of members) {
      const claim = promised.get(member.runId);
      if (claim?.snapshot) {
        member.snapshot = claim.snapshot;
        snapshots.set(uid, claim.snapshot);
      }
      if (claim) continue;
      if (waiting.has(member.runId)) snapshots.delete(uid);
      members.delete(uid);
      byUid.delete(uid);
    }
    if (members.size === 0) return discard(batch);
    if (batch.kept === null) return;
    const lost = batch.kept.filter(({ entry }) => !members.has(entry.uid));
    batch.kept = batch.kept.filter(({ entry }) => members.has(entry.uid));
    batch.order = null;
    options.onReleased(lost);
  }

  function isOver({ instant, owner, claim, kept }: PreClaimed): boolean {
    if (claim === null) return false;
    if (!lease.held() || lease.id() !== owner || kept?.length === 0) return true;
    return time.now() > instant + mostWaitMs;
  }

  async function commit({ owner, claim, members, kept }: Ready): Promise<TakenRun[]> {
    if (!lease.held() || lease.id() !== owner) {
      await claim.rollback();
      throw new Error('the lease was lost before the pre-claimed runs were due');
    }
    const runs = kept.map(({ entry: { uid, namespace } }): TakenRun => {
      const member = members.get(uid) as Member;
      return scheduledRun(member, namespace, member.snapshot);
    });
    // Their tasks have been stopped or changed meanwhile.
    const dropped = new Set(claim.claims.filter(({ won }) => won).map(({ runId }) => runId));
    for (const { runId } of runs) dropped.delete(runId);
    await claim.commit([...dropped]);
    return runs;
  }

  const isReady = (batch: PreClaimed): batch is Ready =>
    batch.claim !== null && batch.kept !== null && batch.kept.length > 0;

  return {
    async step() {
      // While one batch is rolled back, others may be committed.
      for (let over = preClaimed.find(isOver); over; over = preClaimed.find(isOver)) await discard(over);
      const { mostBatches, batchSize } = bounds();
      if (!lease.held() || preClaimed.length >= mostBatches || options.claiming() === null) return everyMs;
      for (const [instant, burst] of bursts()) {
        const ordered = sortBurst(burst, options.weightOf);
        for (let start = 0; start < ordered.length; start += batchSize) {
          await lookAhead(ordered.slice(start, start + batchSize), instant);
          // Each batch took time. Occurrences that became due or changed meanwhile are left out.
          const claiming = options.claiming();
          if (preClaimed.length >= mostBatches || !lease.held() || claiming === null) return everyMs;
          const now = time.now();
          const entries = ordered
            .slice(start, start + batchSize)
            .filter((entry) => entry.key === instant && isPlain(entry, now) && !claiming.has(entry.uid));
          if (entries.length > 0) await write(begin(instant, entries));
        }
      }
      return everyMs;
    },
    takeIn(now) {
      const taken: DueOccurrence[] = [];
      for (const batch of preClaimed) {
        if (batch.instant > now || batch.kept !== null) continue;
        batch.kept = [...batch.members.values()].flatMap(
          ({ uid, scheduleVersion, scheduledFor }) => timetable.takeOne(uid, scheduleVersion, scheduledFor) ?? [],
        );
        for (const due of batch.kept) taken.push(due);
      }
      return taken;
    },
    first() {
      const batch = preClaimed.find(isReady);
      if (!batch) return null;
      batch.order ??= orderOf(batch.kept);
      return { due: batch.kept, order: batch.order, commit: () => commit(batch) };
    },
    take() {
      const batch = preClaimed.find(isReady);
      if (batch) forget(batch);
    },
    oldest: () =>
      preClaimed.reduce((least, { kept, instant }) => (kept?.length ? Math.min(least, instant) : least), Infinity),
    async stop() {
      for (let batch = preClaimed[0]; batch; batch = preClaimed[0]) await discard(batch);
    },
  };
}
