/** Makes a run that a caller asked for. It waits until a replica with a free slot takes it. */

import { timeOrderedId } from '../../domain/schedule/occurrence.ts';
import type { Overlap } from '../../domain/task/task.ts';
import type { Author } from '../../store/events/events.ts';
import { inTransaction, type Queryable } from '../../store/postgres/database.ts';
import { violatedConstraint } from '../../store/postgres/failure.ts';
import { type AskedRun, insertManualRun } from '../../store/runs/claiming/dispatch.ts';
import { holdReplacing, makeWay, type Replaced, refuseOvertaken } from '../../store/runs/claiming/overlaps.ts';
import type { Task } from '../../store/tasks/row.ts';
import type { UseCaseContext } from '../context.ts';

export type MadeRun = { runId: string; status: 'pending' | 'skipped'; replaced: Replaced | null };

/** `scheduledFor` (epoch milliseconds) is the instant that the run is for; null for now. */
export type WantedRun = Omit<AskedRun, 'runId' | 'taskUid'> & {
  uid: number;
  overlap: Overlap;
  scheduledFor: number | null;
};

/** The new run, or null when the task is gone. `announceRun` is to be called once it is committed. */
export function makeRun(context: UseCaseContext, wanted: WantedRun, author: Author): Promise<MadeRun | null> {
  const { database } = context;
  const make = (db: Queryable) => makeRunIn(context, db, wanted, author);
  return wanted.overlap === 'replace' ? inTransaction(database, make) : make(database.pool);
}

/**
 * The same within a transaction. A task with `replace` needs one: of two runs made at once, one has to be the later.
 */
export async function makeRunIn(
  { now, random }: UseCaseContext,
  db: Queryable,
  { uid, overlap, scheduledFor, ...wanted }: WantedRun,
  author: Author,
): Promise<MadeRun | null> {
  if (overlap === 'replace') await holdReplacing(db, [uid]);
  const at = now();
  const runId = timeOrderedId(scheduledFor ?? at, random);
  const replaced = overlap === 'replace' ? await makeWay(db, [{ runId, uid }], at, true) : null;
  const run = await insertManualRun(db, { ...wanted, runId, taskUid: uid }, author, at);
  if (overlap === 'replace' && run !== null) await refuseOvertaken(db, uid, runId);
  return run && { runId, status: run.status, replaced };
}

/** Counts the effects of a task's new run on others, and tells those who act on it or follow it. */
export function announceRun(
  { metrics, signal, noteRuns }: UseCaseContext,
  { namespace, id, definition }: Pick<Task, 'namespace' | 'id' | 'definition'>,
  { status, replaced }: MadeRun,
): void {
  noteRuns(namespace, id);
  if (status === 'skipped') metrics.skipped('overlap', 1);
  if (replaced) {
    metrics.skipped('replaced', replaced.skipped);
    metrics.cancelled('replace', replaced.cancelled + replaced.aborting);
    if (replaced.aborting > 0) signal('cancel');
  }
  signal(definition.hooks?.before ? 'checks' : 'waiting');
}

/**
 * Repeats work that lost a race for a task's overlap slot: two triggers may both find the task free, the database lets
 * one in, and the other looks again.
 */
export async function retryOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === 5 || violatedConstraint(error) !== 'runs_overlap_slot') throw error;
    }
  }
}
