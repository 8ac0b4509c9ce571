/** Waiting runs: inserts one, and takes those that are due. */

import type { RunOrigin, Trigger } from '../../../domain/run/run.ts';
import { instantOfRunId } from '../../../domain/schedule/occurrence.ts';
import type { Author } from '../../events/events.ts';
import type { Queryable } from '../../postgres/database.ts';
import { violatedConstraint } from '../../postgres/failure.ts';
import { type ColumnName, columnsOf, type Row } from '../../rows.ts';
import type { runs, tasks } from '../../schema.ts';
import { chooseNew, insertRuns, newRun, skippedAtOnce, take, updateRuns, waits } from '../transitions.ts';
import { policyColumns, snapshotColumn, type TaskSnapshot } from './claims.ts';

/** A run that this replica has just taken. Instants are epoch milliseconds. */
export type TakenRun = {
  runId: string;
  uid: number;
  namespace: string;
  attempt: number;
  scheduledFor: number;
  trigger: Trigger;
  /** When the run's first attempt started; null while there was none before this one. */
  firstStartedAt: number | null;
  /** Whether it counts for the quota `concurrentRuns` of its namespace. */
  inQuota: boolean;
  snapshot: TaskSnapshot;
  /** Null for a run that no request asked for, like `input`. */
  origin: RunOrigin | null;
  /** JSON text. */
  input: string | null;
};

/** A run of a due occurrence: its first attempt, that no request asked for. */
export function scheduledRun(
  { runId, uid, scheduledFor }: Pick<TakenRun, 'runId' | 'uid' | 'scheduledFor'>,
  namespace: string,
  snapshot: TaskSnapshot,
): TakenRun {
  const attempt = 1;
  const trigger = 'schedule';
  return {
    runId,
    uid,
    namespace,
    attempt,
    scheduledFor,
    trigger,
    firstStartedAt: null,
    inQuota: false,
    snapshot,
    origin: null,
    input: null,
  };
}

export type Taken = {
  runs: TakenRun[];
  /** Whether runs with limits wait: they are left to `takeLimited`. */
  limitsWait: boolean;
  /** Whether runs of more than one namespace wait: these take turns (`takeInTurns`). */
  isShared: boolean;
};

const isWaiting = (r: string) => `${r}.status in ('pending', 'retrying')`;

/** The namespace of the first waiting run `r` by namespace, in the words of the index `runs_waiting`. */
export const waitsIn = (condition: string, order = '') =>
  `(select r.namespace from runs r where ${isWaiting('r')} and ${condition} order by r.namespace ${order} limit 1)`;

/** Whether the run `r` waits for nothing but a slot; `queued`: whether it may have waited behind others of its task. */
export const isFree = (r: string, now: string, queued: string) => `
  ${isWaiting(r)} and ${r}.due_at <= ${now} and ${r}.limit_group is null and ${r}.check_due is null
    and (coalesce(${r}.overlap_slot, 0) = 0 or ${queued} and ${isNextInLine(r)})`;

/** Whether runs with limits wait. */
export const limitsWait = `exists (select from runs where limit_group is not null and status in ('pending', 'retrying'))`;

/**
 * Takes at most `limit` waiting runs without limits whose instant has come, by effective due time, each for its next
 * attempt. A run queued behind another of its task is passed over while that one is live.
 */
export async function takeWaiting(db: Queryable, owner: string, limit: number, now: number): Promise<Taken> {
  try {
    return await takeFree(db, owner, limit, now, true);
  } catch (error) {
    // A claim took the overlap slot that a queued run was about to get. Queued runs are left out this time.
    if (violatedConstraint(error) !== 'runs_overlap_slot') throw error;
    return takeFree(db, owner, limit, now, false);
  }
}

async function takeFree(db: Queryable, owner: string, limit: number, now: number, queued: boolean): Promise<Taken> {
  // The same statement tells what else waits, so that no second one is needed where nothing does.
  const { rows } = await db.query<(TakenRow | { id: null }) & { limitsWait: boolean; isShared: boolean | null }>({
    name: 'take-waiting',
    text: `
      with free as (
        select r.id from runs r
        where ${isFree('r', '$3', '$4')}
        order by r.effective_due_at limit $2 for update skip locked
      ), taken as (
        ${updateRuns(take('$1', '$3'))}
        from free, tasks t
        where r.id = free.id and t.uid = r.task_uid
        returning ${takenColumns}
      )
      select waiting.*, taken.* from (
        select ${limitsWait} as "limitsWait", ${waitsIn('true')} <> ${waitsIn('true', 'desc')} as "isShared"
      ) waiting left join taken on true`,
    values: [owner, limit, new Date(now).toISOString(), queued],
  });
  return {
    runs: rows.flatMap((row) => (row.id === null ? [] : takenRun(row))),
    limitsWait: rows[0]?.limitsWait === true,
    isShared: rows[0]?.isShared === true,
  };
}

/**
 * The runs among `ids` that `owner` has claimed without getting the answer. Only a claim inserts a run and begins it at
 * once. A run that the same owner took later, after another replica's claim, is known to have begun.
 */
export async function takeUnconfirmed(db: Queryable, owner: string, ids: readonly string[]): Promise<TakenRun[]> {
  const { rows } = await db.query<TakenRow>({
    name: 'take-unconfirmed',
    text: `
      select ${takenColumns}
      from runs r join tasks t on t.uid = r.task_uid
      where r.id = any($2::uuid[]) and r.owner = $1 and r.status = 'running' and r.attempt = 1 and r.started_at = r.created_at`,
    values: [owner, ids],
  });
  return rows.map(takenRun);
}

/** Whether the run `r`, which waits behind others of its task, is the first of them and nothing occupies the task. */
export function isNextInLine(r: string): string {
  return `not exists (select from runs head where head.task_uid = ${r}.task_uid and head.overlap_slot = 0)
    and not exists (
      select from runs ahead
      where ahead.task_uid = ${r}.task_uid and ahead.overlap_slot > 0 and (ahead.effective_due_at, ahead.id) < (${r}.effective_due_at, ${r}.id))`;
}

const takenNames = [
  'id',
  'namespace',
  'attempt',
  'scheduled_for',
  'trigger',
  'started_at',
  'origin',
  'input',
] as const satisfies ColumnName<typeof runs>[];

/** The select list of a run `r` and its task `t` that makes a `TakenRow`. */
export const takenColumns = `${columnsOf('r', ...takenNames)}, t.uid, t.in_quota, ${snapshotColumn} as snapshot`;

export type TakenRow = Row<typeof runs, (typeof takenNames)[number]> &
  Row<typeof tasks, 'uid' | 'in_quota'> & { snapshot: TaskSnapshot };

export function takenRun(row: TakenRow): TakenRun {
  return {
    runId: row.id,
    uid: Number(row.uid),
    namespace: row.namespace,
    attempt: row.attempt,
    scheduledFor: row.scheduled_for.getTime(),
    trigger: row.trigger,
    firstStartedAt: row.attempt > 1 && row.started_at ? row.started_at.getTime() : null,
    inQuota: row.in_quota,
    snapshot: row.snapshot,
    origin: row.origin,
    input: row.input,
  };
}

/** A run that a request asks for. */
export type AskedRun = {
  /** A UUIDv7 of the instant that it is for. */
  runId: string;
  taskUid: number;
  trigger: 'manual' | 'retry';
  origin: RunOrigin;
  /** JSON text; null for none. */
  input: string | null;
  /** Null for the task's. */
  priority: number | null;
};

/** Slot 2 is none: the run is skipped. */
const asked = {
  ...newRun({
    id: '$1::uuid',
    trigger: '$3::text::run_trigger',
    scheduledFor: '$4',
    dueAt: '$10::timestamptz',
    now: '$10::timestamptz',
  }),
  ...chooseNew(
    [['overlap_slot = 2', skippedAtOnce(`'overlap'`, '$10::timestamptz')]],
    waits('overlap_slot', '$10::timestamptz'),
  ),
  origin: '$8',
  input: '$9',
};

/**
 * Inserts a run that a request asks for at `now` (epoch milliseconds): `pending`, or queued or `skipped` when the
 * task's last run is still live and it forbids overlap. Null when there is no such live task.
 */
export async function insertManualRun(
  db: Queryable,
  run: AskedRun,
  author: Author,
  now: number,
): Promise<{ status: 'pending' | 'skipped' } | null> {
  const { rows } = await db.query<{ status: 'pending' | 'skipped' }>({
    name: 'insert-manual-run',
    text: `
      with task as (
        select t.uid, t.overlap, coalesce($7::smallint, t.priority) as priority, t.retry, ${policyColumns}
        from tasks t where t.uid = $2 and t.deleted_at is null
      ), place as (
        select task.*, case
          when overlap = 'allow' then null
          when not exists (select from runs where task_uid = uid and overlap_slot = 0) then 0
          when overlap in ('queue', 'replace') and not exists (select from runs where task_uid = uid and overlap_slot = 1) then 1
          else 2 end as overlap_slot
        from task
      ), noted as (
        insert into events (namespace, task_uid, type, at, actor, request_id, data, via, address)
        select namespace, uid, 'triggered', $10, $5, $6, jsonb_strip_nulls(jsonb_build_object('runId', $1::uuid, 'trigger', $3::text,
          'triggerSource', $8::jsonb -> 'source')), $11, $12 from task
      )
      ${insertRuns(asked)}
      from place
      returning status`,
    values: [
      run.runId,
      run.taskUid,
      run.trigger,
      new Date(instantOfRunId(run.runId)).toISOString(),
      author.actor,
      author.requestId,
      run.priority,
      JSON.stringify(run.origin),
      run.input,
      new Date(now).toISOString(),
      author.via,
      author.address,
    ],
  });
  return rows[0] ?? null;
}
