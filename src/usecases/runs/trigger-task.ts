/** Runs a task now, in any status. */

import { parseInstant } from '../../domain/input/instant.ts';
import type { Trace } from '../../domain/run/trace.ts';
import { ok } from '../../errors.ts';
import { oncePerKey } from '../../store/cluster/idempotency.ts';
import { inTransaction, type Queryable } from '../../store/postgres/database.ts';
import { logChange } from '../audit/log-change.ts';
import { type Key, keyedBy } from '../idempotency.ts';
import { meaningless, notFound, type Outcome, type Refused } from '../refusal.ts';
import { findLiveTask } from '../tasks/get-task.ts';
import { authorOf, useCase } from '../use-case.ts';
import { announceRun, type MadeRun, makeRun, makeRunIn, retryOnConflict } from './make-run.ts';

export type TriggerTask = {
  taskId: string;
  /** The only task that may have the id: another one counts as not there. */
  uid?: number;
  /** The caller's name for the cause of the request. */
  source: string | null;
  /** The trace that the run belongs to; null for a trace of its own. */
  trace: Trace | null;
  /** JSON text that is kept on the run; null for none. */
  input: string | null;
  /** Null for the task's. */
  priority: number | null;
  /** The instant that the run is for, as RFC 3339 text: one that has passed; null for now. */
  scheduledFor: string | null;
  /** With a key, a repeated request makes no second run. */
  key: Key | null;
  /** Called in the transaction of the run, without a key. False makes no run, as for a task that is not there. */
  mark?: (db: Queryable) => Promise<boolean>;
};

/** The id of the new run, or of the one that the same key made before. */
export const triggerTask = useCase(
  'operator',
  async (
    context,
    caller,
    { taskId, uid: wantedUid, source, trace, key, mark, ...asked }: TriggerTask,
  ): Promise<Outcome<Triggered>> => {
    const found = await findLiveTask(context, caller, taskId, wantedUid);
    if (!found.ok) return found;
    const scheduledFor = asked.scheduledFor === null ? null : parseInstant(asked.scheduledFor);
    if (asked.scheduledFor !== null && (scheduledFor === null || scheduledFor < 0))
      return refusedInstant('must be an RFC 3339 instant such as "2026-12-01T09:00:00Z"');
    if (scheduledFor !== null && scheduledFor > context.now())
      return refusedInstant('lies in the future: a task with {"at": …} as its schedule runs once at such an instant');
    const { uid, definition } = found.value;
    const origin = { source, requestId: caller.requestId, trace };
    const wanted = { ...asked, scheduledFor, uid, overlap: definition.overlap, trigger: 'manual' as const, origin };
    const author = authorOf(caller);
    let made: MadeRun | null = null;
    const answer = await retryOnConflict(async () => {
      if (key === null) {
        made = mark
          ? await inTransaction(context.database, async (db) =>
              (await mark(db)) ? makeRunIn(context, db, wanted, author) : null,
            )
          : await makeRun(context, wanted, author);
        return { kind: 'done' as const, answer: made };
      }
      return oncePerKey(context.database, keyedBy(caller, `trigger ${uid}`, key), context.now(), async (db) => {
        made = await makeRunIn(context, db, wanted, author);
        return { answer: made && { runId: made.runId }, remember: made !== null };
      });
    });
    if (answer.kind === 'mismatch') return { ok: false, errors: { kind: 'idempotency_mismatch' } };
    if (answer.answer === null) return notFound(`task "${taskId}"`);
    if (made !== null) {
      const more = { trigger: 'manual', ...(source !== null && { triggerSource: source }) };
      logChange(context, author, 'task.triggered', found.value, { runId: answer.answer.runId, ...more });
      announceRun(context, found.value, made);
    }
    return ok({ runId: answer.answer.runId, replayed: answer.kind === 'replayed' });
  },
);

type Triggered = { runId: string; replayed: boolean };

function refusedInstant(detail: string): Refused {
  return meaningless([{ pointer: '#/scheduledFor', detail }]);
}
