/** Starts a run by hand: inserted to be taken by whichever replica has a free slot. */

import { timeOrderedId } from '../domain/occurrence.ts';
import type { Overlap } from '../domain/task.ts';
import type { Queryable } from '../store/database.ts';
import { insertManualRun } from '../store/dispatch.ts';
import type { Author } from '../store/events.ts';
import { makeWay } from '../store/overlaps.ts';
import type { HttpContext } from './context.ts';

/** The id of the new run, or null when the task is gone. The caller signals `waiting` once it is committed. */
export async function makeManualRun(
  context: HttpContext,
  db: Queryable,
  task: { uid: number; overlap: Overlap },
  trigger: 'manual' | 'retry',
  author: Author,
): Promise<string | null> {
  const at = context.now();
  const runId = timeOrderedId(at, context.random);
  if (task.overlap === 'replace') {
    const { skipped, cancelled, aborting } = await makeWay(db, [{ runId, uid: task.uid }], at);
    context.metrics.skipped('replaced', skipped);
    context.metrics.cancelled('replace', cancelled + aborting);
    if (aborting > 0) context.signal('cancel');
  }
  const run = await insertManualRun(db, { runId, taskUid: task.uid, trigger }, author);
  if (run?.status === 'skipped') context.metrics.skipped('overlap', 1);
  return run && runId;
}
