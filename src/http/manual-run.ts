/** Starts a run by hand: inserted to be taken by whichever replica has a free slot. */

import { timeOrderedId } from '../domain/schedule/occurrence.ts';
import type { Overlap } from '../domain/task/task.ts';
import type { Author } from '../store/events/events.ts';
import { inTransaction, type Queryable } from '../store/postgres/database.ts';
import { type AskedRun, insertManualRun } from '../store/runs/dispatch.ts';
import { holdReplacing, makeWay, type Replaced } from '../store/runs/overlaps.ts';
import type { HttpContext } from './context.ts';

export type ManualRun = { runId: string; status: 'pending' | 'skipped'; replaced: Replaced | null };

/** `scheduledFor` (epoch milliseconds) is the instant that the run is for; null for now. */
type Asked = Omit<AskedRun, 'runId' | 'taskUid'> & { uid: number; overlap: Overlap; scheduledFor: number | null };

/** The new run, or null when the task is gone. `tellManualRun` once it is committed. */
export function makeManualRun(context: HttpContext, asked: Asked, author: Author): Promise<ManualRun | null> {
  const { database } = context;
  const make = (db: Queryable) => makeManualRunIn(context, db, asked, author);
  return asked.overlap === 'replace' ? inTransaction(database, make) : make(database.pool);
}

/**
 * The same within a transaction, which a task with `replace` needs: of two runs that come together one is the later.
 */
export async function makeManualRunIn(
  { now, random }: HttpContext,
  db: Queryable,
  { uid, overlap, scheduledFor, ...asked }: Asked,
  author: Author,
): Promise<ManualRun | null> {
  if (overlap === 'replace') await holdReplacing(db, [uid]);
  const at = now();
  const runId = timeOrderedId(scheduledFor ?? at, random);
  const replaced = overlap === 'replace' ? await makeWay(db, [{ runId, uid }], at, true) : null;
  const run = await insertManualRun(db, { ...asked, runId, taskUid: uid }, author, at);
  return run && { runId, status: run.status, replaced };
}

/**
 * Counts what a new run has led to, and wakes whoever has to act. `checked` says that the run waits for its check
 * first.
 */
export function tellManualRun(
  { metrics, signal }: HttpContext,
  { status, replaced }: ManualRun,
  checked: boolean,
): void {
  if (status === 'skipped') metrics.skipped('overlap', 1);
  if (replaced) {
    metrics.skipped('replaced', replaced.skipped);
    metrics.cancelled('replace', replaced.cancelled + replaced.aborting);
    if (replaced.aborting > 0) signal('cancel');
  }
  signal(checked ? 'checks' : 'waiting');
}
