/** Runs that wait for the answer of `hooks.before`: takes those to ask about, and writes the answers down. */

import type { Trigger } from '../../../domain/run/run.ts';
import type { BeforeHook } from '../../../domain/task/policies.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { FilledRow, Row } from '../../rows.ts';
import type { runs, tasks } from '../../schema.ts';
import { choose, skip, updateRuns } from '../transitions.ts';
import { isNextInLine } from './dispatch.ts';

/** A run to ask about. Instants are epoch milliseconds. */
export type DueCheck = {
  runId: string;
  namespace: string;
  taskId: string;
  scheduledFor: number;
  trigger: Trigger;
  /** Null where the task has none any more. */
  hook: BeforeHook | null;
  /** The task's own signing secrets; null where it has none. */
  signing: string | null;
  /** The instant from which other replicas may ask. It is the fence of the write of our result. */
  until: number;
};

/** The result of a check: the run goes on (`askAgainAt` and `skipReason` null), is asked about later, or is skipped. */
export type CheckEnd = { runId: string; until: number; askAgainAt: number | null; skipReason: string | null };

/** The time for writing the answer down, beyond the hook's own timeout. */
const margin = `interval '5 seconds'`;

type TakenCheck = Row<typeof runs, 'id' | 'namespace' | 'scheduled_for' | 'trigger'> &
  FilledRow<typeof runs, 'check_due'> & {
    task_id: Row<typeof tasks, 'id'>['id'];
    hook: BeforeHook | null;
    signing: string | null;
  };

/**
 * Takes at most `limit` runs whose check is due, by effective due time; of those that wait behind others of their task
 * only the next one, so that its answer is fresh when it starts.
 */
export async function takeChecks(db: Queryable, limit: number, now: number): Promise<DueCheck[]> {
  const { rows } = await db.query<TakenCheck>({
    name: 'take-checks',
    text: `
      with due as (
        select r.id, r.task_uid from runs r
        where r.check_due <= $2 and r.status = 'pending' and r.due_at <= $2
          and (coalesce(r.overlap_slot, 0) = 0 or ${isNextInLine('r')})
        order by r.effective_due_at limit $1 for update skip locked
      )
      ${updateRuns({
        check_due: `$2::timestamptz + coalesce((t.policies #>> '{hooks,before,timeout}')::interval, '0') + ${margin}`,
      })}
      from due, tasks t
      where r.id = due.id and t.uid = due.task_uid
      returning r.id, t.namespace, t.id as task_id, r.scheduled_for, r.trigger, r.check_due, t.policies #> '{hooks,before}' as hook,
        t.policies #>> '{signing,secret}' as signing`,
    values: [limit, new Date(now).toISOString()],
  });
  return rows.map((row) => ({
    runId: row.id,
    namespace: row.namespace,
    taskId: row.task_id,
    scheduledFor: row.scheduled_for.getTime(),
    trigger: row.trigger,
    hook: row.hook,
    signing: row.signing,
    until: row.check_due.getTime(),
  }));
}

/**
 * Writes down the answers. A run that was cancelled, replaced or taken by another replica meanwhile is left alone.
 * Gives back the ids of those that were written.
 */
export async function endChecks(db: Queryable, ends: readonly CheckEnd[], now: number): Promise<Set<string>> {
  const sorted = [...ends].sort((a, b) => (a.runId < b.runId ? -1 : 1));
  // The status is compared as text so that no query plan goes by the index of live runs.
  const { rows } = await db.query<Row<typeof runs, 'id'>>({
    name: 'end-checks',
    text: `
      ${updateRuns({
        ...choose([['e.skip_reason is null', {}]], skip('e.skip_reason', '$5::timestamptz')),
        check_due: 'e.ask_again_at',
      })}
      from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::text[]) as e(id, until, ask_again_at, skip_reason)
      where r.id = e.id and r.status::text = 'pending' and r.check_due = e.until
      returning r.id`,
    values: [
      sorted.map((end) => end.runId),
      sorted.map((end) => new Date(end.until).toISOString()),
      sorted.map((end) => (end.askAgainAt === null ? null : new Date(end.askAgainAt).toISOString())),
      sorted.map((end) => end.skipReason),
      new Date(now).toISOString(),
    ],
  });
  return new Set(rows.map((row) => row.id));
}
