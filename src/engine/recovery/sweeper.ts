/**
 * The sweep finds occurrences that were due and have no run, and decides about them.
 *
 *     watermark ─────────── looked at, in one transaction ───────────> new watermark ─── still open ───> now
 *                 has a run              nothing to do
 *                 no run, within grace   a waiting run is inserted
 *                 no run, later          the misfire policy: a run, or a recorded miss
 *
 * One replica sweeps at a time: the transaction holds the row of the watermark.
 */

import type { RunIds } from '../../domain/run/ids.ts';
import { decideMisfires, type MisfireDecision } from '../../domain/schedule/misfire.ts';
import { instantOfRunId } from '../../domain/schedule/occurrence.ts';
import type { NoteRuns } from '../../live/live.ts';
import type { Logger } from '../../observability/log.ts';
import type { Database } from '../../store/postgres/database.ts';
import type { Due } from '../../store/runs/claiming/claims.ts';
import { occurredRuns, readWatermark, type SweepWork, sweepOnce } from '../../store/runs/recovery/sweep.ts';
import { resultOf, type Turns } from '../../turns.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import type { DueLog } from '../timetable/due-log.ts';
import type { DueOccurrence, Entry, MissedStretch, Timetable } from '../timetable/timetable.ts';

export type SweeperOptions = {
  database: Database;
  time: Pick<DatabaseTime, 'now'>;
  log: Logger;
  lease: Pick<Lease, 'id' | 'held'>;
  timetable: Pick<Timetable, 'next'>;
  dueLog: DueLog;
  turns: Turns;
  /** Whether this replica's time zone data is the newest: only such a replica decides about misses. */
  hasNewestZones: () => boolean;
  runIds: RunIds;
  /** Every change committed before this instant is in the timetable. */
  followedUntil: () => number;
  /** See `Scheduler.oldestOpen`. */
  oldestOpen: () => number;
  /** Called with how many occurrences got a run, and how many were recorded as missed. */
  onFound: (repaired: number, missed: number) => void;
  /** Occurrences got a run or a recorded miss. */
  noteRuns: NoteRuns;
  /** Runs were inserted that wait to be taken. */
  onWaiting: () => void;
};

const everyMs = 1_000;
/** Occurrences younger than this are left to claims. */
const marginMs = 2_000;

/** The step of the sweep's loop. Replicas take turns: a row lock lets one of them sweep at a time. */
export function createSweepStep(options: SweeperOptions): () => Promise<number> {
  const { database, time, log, lease, timetable, dueLog, turns, runIds } = options;

  function horizonOf(now: number): number {
    const horizon = Math.min(now - marginMs, options.followedUntil(), timetable.next() - 1, options.oldestOpen() - 1);
    // A missed stretch is recorded as a whole: the watermark must not be set inside it.
    const { missed } = dueLog.within(horizon, Infinity);
    return Math.min(horizon, ...missed.map(({ after }) => after));
  }

  return async () => {
    if (!lease.held()) return everyMs;
    if (!options.hasNewestZones()) {
      // Other replicas sweep. Entries up to their watermark may be forgotten.
      dueLog.forget(await readWatermark(database.pool));
      return everyMs;
    }
    const now = time.now();
    const horizon = horizonOf(now);
    let repaired = 0;
    const noted = new Set<Entry>();
    let missed = 0;
    const swept = await sweepOnce(
      database,
      horizon,
      async (db, watermark) => {
        const given = dueLog.within(watermark, horizon);
        if (given.due.length + given.missed.length === 0) return nothing;
        const present = await occurredRuns(db, watermark, horizon);
        const hasRun = ({ uid }: Entry, instant: number) => present.has(runIds.of(uid, instant));
        const found = given.due.filter(({ entry, instant }) => !hasRun(entry, instant));
        const late = found.filter(({ entry, instant }) => instant < now - entry.misfire.graceMs);
        const inTime = found.filter(({ entry, instant }) => instant >= now - entry.misfire.graceMs);
        const stretches = stretchesOf(given.missed, late);
        const ran = stretches.length > 0 ? instantsByTask(present, runIds) : none;
        const verdicts: Verdict[] = [];
        for (const { entry, after, upTo } of stretches) {
          const present = ran.get(entry.uid) ?? [];
          const steps = decideMisfires(entry.timing, entry.misfire, Math.max(after, watermark), upTo, present);
          const decision = await resultOf(steps, turns);
          if (decision !== null) verdicts.push({ entry, ...decision });
        }
        repaired = inTime.length;
        for (const { entry } of [...inTime, ...verdicts]) noted.add(entry);
        missed = verdicts.reduce((sum, { miss }) => sum + (miss?.count ?? 0), 0);
        const exhausted = [...given.missed, ...late, ...inTime]
          .filter(({ nextAt }) => nextAt === Infinity)
          .map(({ entry }) => entry);
        return {
          inTime: inTime.map((due) => dueOf(due.entry, due.instant)),
          caughtUp: verdicts.flatMap(({ entry, fire }) => fire.map((instant) => dueOf(entry, instant))),
          misses: verdicts.flatMap(({ entry, miss }) =>
            miss
              ? [{ uid: entry.uid, scheduleVersion: entry.scheduleVersion, policy: entry.misfire.policy, ...miss }]
              : [],
          ),
          exhausted: exhausted.map(({ uid, scheduleVersion }) => ({ uid, scheduleVersion })),
        };
      },
      now,
      lease.id(),
    );
    dueLog.forget(swept.watermark);
    if (repaired + missed > 0)
      log.warn(
        { repaired, missed },
        'the sweep found occurrences without a run: those in time are fired, the others recorded as missed',
      );
    options.onFound(repaired, missed);
    for (const { namespace, id } of noted) options.noteRuns(namespace, id);
    if (swept.inserted > 0) options.onWaiting();
    return everyMs;
  };

  function dueOf({ uid, scheduleVersion, limited }: Entry, instant: number): Due & { limited: boolean } {
    return { runId: runIds.of(uid, instant), uid, scheduleVersion, scheduledFor: instant, knownVersion: 0, limited };
  }
}

type Verdict = MisfireDecision & { entry: Entry };
type Stretch = Pick<MissedStretch, 'entry' | 'after' | 'upTo'>;

const nothing: SweepWork = { inTime: [], caughtUp: [], misses: [], exhausted: [] };
const none: ReadonlyMap<number, number[]> = new Map();

/** The instants of runs by the uid of their task. */
function instantsByTask(ids: Iterable<string>, runIds: RunIds): Map<number, number[]> {
  const byTask = new Map<number, number[]>();
  for (const id of ids) {
    const uid = runIds.uidOf(id);
    const instants = byTask.get(uid);
    if (instants) instants.push(instantOfRunId(id));
    else byTask.set(uid, [instantOfRunId(id)]);
  }
  return byTask;
}

/**
 * One stretch for each task, over all its late occurrences. Some of them were given out in time and never carried out,
 * others were not given out. The misfire policy is for the outage as a whole.
 */
function stretchesOf(missed: readonly Stretch[], late: readonly DueOccurrence[]): Stretch[] {
  const byEntry = new Map<Entry, { after: number; upTo: number }>();
  const extend = (entry: Entry, after: number, upTo: number) => {
    const known = byEntry.get(entry);
    byEntry.set(entry, {
      after: Math.min(known?.after ?? Infinity, after),
      upTo: Math.max(known?.upTo ?? -Infinity, upTo),
    });
  };
  for (const { entry, after, upTo } of missed) extend(entry, after, upTo);
  for (const { entry, instant } of late) extend(entry, instant - 1, instant);
  return [...byEntry].map(([entry, stretch]) => ({ entry, ...stretch }));
}
