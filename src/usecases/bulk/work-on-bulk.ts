/** Works on bulk changes, a piece at a time. Any replica may do so at any time, also after another died half way. */

import type { BulkError, LabelChange } from '../../domain/bulk/bulk.ts';
import type { FieldError } from '../../errors.ts';
import { type BulkResult, finishBulk, markDone, notePiece, type Piece, takePiece } from '../../store/bulk/bulks.ts';
import { deleteTask } from '../changes/delete-task.ts';
import { patchTask } from '../changes/patch-task.ts';
import { startTask } from '../changes/start-task.ts';
import { stopTask } from '../changes/stop-task.ts';
import type { UseCaseContext } from '../context.ts';
import { failureOf } from '../failure.ts';
import type { Outcome, Refusal } from '../refusal.ts';
import { triggerTask } from '../runs/trigger-task.ts';
import type { Caller, Via } from '../use-case.ts';
import { bulkNeeds } from './start-bulk.ts';

const atOnce = 4;
const mostLabels = 64;

/** Does at most `limit` tasks of one bulk change. False where no bulk change waits. */
export async function workOnBulk(context: UseCaseContext, limit: number): Promise<boolean> {
  const { database, turns } = context;
  const piece = await takePiece(database.pool, limit);
  if (piece === null) return false;
  const { bulk, tasks } = piece;
  if (tasks.length === 0) {
    await finishBulk(database.pool, bulk.id);
    return true;
  }
  const caller = authorOfBulk(bulk);
  const results: BulkResult[] = [];
  const failures: unknown[] = [];
  for (let from = 0; from < tasks.length; from += atOnce) {
    await turns.take();
    const part = tasks.slice(from, from + atOnce);
    const ended = await Promise.allSettled(
      part.map(async ({ uid, id }) =>
        id === null ? { uid, unchanged: true, error: null } : resultFor(context, caller, bulk, { uid, id }),
      ),
    );
    for (const each of ended) each.status === 'fulfilled' ? results.push(each.value) : failures.push(each.reason);
    if (failures.length > 0) break;
  }
  // What is done is not done again, whatever the store refused of the rest.
  await notePiece(database.pool, bulk.id, results);
  if (failures.length > 0) throw failures[0];
  return true;
}

/** The author, with the role that was checked at the start. */
function authorOfBulk({ namespace, action, actor, via, address, request_id: requestId }: Piece['bulk']): Caller {
  const role = bulkNeeds[action];
  return { name: actor, via: via as Via, namespace, role, grants: [{ role, namespace }], address, requestId };
}

async function resultFor(
  context: UseCaseContext,
  caller: Caller,
  bulk: Piece['bulk'],
  task: { uid: number; id: string },
): Promise<BulkResult> {
  const { uid, id } = task;
  try {
    const outcome = await act(context, caller, bulk, task);
    if (outcome.ok) return { uid, unchanged: false, error: null };
    // It is in the wanted state already, or it is gone.
    const { kind } = outcome.errors;
    const isThere = kind === 'not_found' || (kind === 'illegal_transition' && ['start', 'stop'].includes(bulk.action));
    return { uid, unchanged: isThere, error: isThere ? null : errorOf(id, outcome.errors) };
  } catch (error) {
    // All of it is tried again when the store is back.
    if (failureOf(error) !== null && failureOf(error) !== 'bad_data') throw error;
    const detail = 'an unexpected error: send the action for this task alone';
    return { uid, unchanged: false, error: { task: id, code: 'internal', detail } };
  }
}

/** All but a trigger can be repeated. A trigger is marked as done in the transaction that makes its run. */
function act(
  context: UseCaseContext,
  caller: Caller,
  { id: bulkId, action, labels }: Piece['bulk'],
  { uid, id }: { uid: number; id: string },
): Promise<Outcome<unknown>> {
  switch (action) {
    case 'start':
      return startTask(context, caller, { id, uid, catchUp: 'skip', source: null });
    case 'stop':
      return stopTask(context, caller, { id, uid, cancel: 'pending', source: null });
    case 'delete':
      return deleteTask(context, caller, { id, uid, expected: null });
    case 'label':
      return patchTask(context, caller, { id, uid, patch: { labels: patchOf(labels) }, expected: null, faultsIn });
    case 'trigger': {
      const asked = { source: null, trace: null, input: null, priority: null, scheduledFor: null, key: null };
      return triggerTask(context, caller, { taskId: id, uid, ...asked, mark: (db) => markDone(db, bulkId, uid) });
    }
  }
}

function patchOf(labels: LabelChange | null): Record<string, string | null> {
  const { set = {}, remove = [] } = labels ?? {};
  return { ...set, ...Object.fromEntries(remove.map((name) => [name, null])) };
}

/** The stored task has the right form, and so has each label: only their number can be wrong. */
function faultsIn(input: unknown): FieldError[] {
  const { labels } = input as { labels?: object | null };
  return Object.keys(labels ?? {}).length <= mostLabels
    ? []
    : [{ pointer: '#/labels', detail: `must have at most ${mostLabels} labels` }];
}

function errorOf(task: string, refusal: Refusal): BulkError {
  const { kind } = refusal;
  if ('detail' in refusal) return { task, code: kind, detail: refusal.detail };
  if (!('errors' in refusal)) return { task, code: kind, detail: 'the task has changed' };
  const [first] = refusal.errors;
  return { task, code: kind, detail: first ? `${first.pointer}: ${first.detail}` : 'the task is not valid' };
}
