/**
 * The steps of a run, and the columns that each of them writes. Every statement that inserts or updates runs is put
 * together here, and only the steps of this file can write a status.
 *
 *     inserted ─┬─▶ pending ──▶ running ──▶ succeeded, failed, timed_out, lost
 *               │      │         │ ▲ │
 *               │      │         ▼ │ └────▶ cancelled   (also from pending and retrying)
 *               │      │      retrying
 *               ├──────┴──▶ skipped
 *               └─▶ running                             (a claim)
 *
 * A held run stays `running`, with the deadline `heartbeat_due`. `runSteps` of the domain is the table of these steps,
 * and the database refuses every other one.
 */

import { type RunStatus, secondsPerPriority } from '../../domain/run/run.ts';
import type { ColumnName } from '../rows.ts';
import type { runs } from '../schema.ts';
import { cancelledAttempts } from './attempt-records.ts';

type RunColumn = ColumnName<typeof runs>;

/** SQL that a column gets; `r` is the run. The status is no part of it. */
export type Changes = { readonly [Name in Exclude<RunColumn, 'status'>]?: string };

declare const fromHere: unique symbol;

/** SQL of a status. No other file can make one. */
type StatusSql = string & { readonly [fromHere]: true };

export type Step = Changes & { readonly status?: StatusSql };

/** `update runs r set …`, to be followed by `from` and `where`. */
export function updateRuns(step: Step): string {
  const list = Object.entries(step).map(([name, value]) => `${name} = ${value}`);
  return `update runs r set ${list.join(', ')}`;
}

/** `insert into runs … select …`, to be followed by `from`. `distinct` comes right after the `select`. */
export function insertRuns(step: Step, distinct = ''): string {
  return `insert into runs (${Object.keys(step).join(', ')}) select ${distinct} ${Object.values(step).join(', ')}`;
}

/** One step or another: the first whose condition holds, else the last. A column that it leaves out stays. */
export function choose(cases: readonly (readonly [condition: string, step: Step])[], otherwise: Step): Step {
  return chooseWith((name) => `r.${name}`, cases, otherwise);
}

/** The same for a run that is inserted: a column that the step leaves out is null. */
export function chooseNew(cases: readonly (readonly [condition: string, step: Step])[], otherwise: Step): Step {
  return chooseWith(() => 'null', cases, otherwise);
}

function chooseWith(
  unchanged: (name: RunColumn) => string,
  cases: readonly (readonly [condition: string, step: Step])[],
  otherwise: Step,
): Step {
  const steps = [...cases.map(([, step]) => step), otherwise];
  const names = new Set(steps.flatMap((step) => Object.keys(step) as RunColumn[]));
  const sqlOf = (name: RunColumn): string => {
    const [first, ...others] = steps.map((step) => step[name] ?? unchanged(name));
    if (first !== undefined && others.every((value) => value === first)) return first;
    const branches = cases.map(([condition, step]) => `when ${condition} then ${step[name] ?? unchanged(name)}`);
    return `case ${branches.join(' ')} else ${otherwise[name] ?? unchanged(name)} end`;
  };
  return Object.fromEntries([...names].map((name) => [name, sqlOf(name)])) as Step;
}

/** A run of the task columns `uid`, `priority` and `retry`, before its first step. All values are SQL. */
export type NewRun = { id: string; trigger: string; scheduledFor: string; dueAt: string; now: string };

/** The columns of every new run. One of the steps below is added to it. */
export function newRun({ id, trigger, scheduledFor, dueAt, now }: NewRun): Step {
  return {
    id,
    namespace: 'namespace',
    task_uid: 'uid',
    trigger,
    scheduled_for: scheduledFor,
    due_at: dueAt,
    effective_due_at: `${dueAt} - priority * interval '${secondsPerPriority} seconds'`,
    max_attempts: `(retry->>'maxAttempts')::smallint`,
    created_at: now,
  };
}

/** A new run waits to be taken; where its task has a check, that comes first (`policyColumns`). */
export function waits(overlapSlot: string, now: string): Step {
  return {
    status: statusOf('pending'),
    attempt: '0',
    overlap_slot: overlapSlot,
    ...policies,
    check_due: `case when checked then ${now} end`,
  };
}

/** A new run runs at once. */
export function starts(owner: string, overlapSlot: string, now: string): Step {
  const taken = { owner, attempt: '1', started_at: now };
  return { status: statusOf('running'), ...taken, overlap_slot: overlapSlot, ...policies };
}

/** A new run that never runs. */
export function skippedAtOnce(reason: string, now: string): Step {
  return { ...skip(reason, now), overlap_slot: 'null::smallint', attempt: '0' };
}

const policies = { limit_group: 'limit_group', hooked: 'hooked' } satisfies Changes;

/** pending, retrying → running: `owner` makes the next attempt. */
export function take(owner: string, now: string): Step {
  return {
    status: statusOf('running'),
    owner,
    attempt: 'r.attempt + 1',
    started_at: `coalesce(r.started_at, ${now})`,
    overlap_slot: 'case when r.overlap_slot > 0 then 0 else r.overlap_slot end',
  };
}

/** running → succeeded, failed, timed_out, cancelled or lost: `status` is SQL that gives one of these. */
export function end(status: string, at: string): Step {
  return { status: status as StatusSql, finished_at: at, overlap_slot: 'null' };
}

/** running → retrying: the next attempt is due at `at`. */
export function retry(at: string): Step {
  return { status: statusOf('retrying'), finished_at: 'null', ...dueAgain(at) };
}

/** running → retrying, as if the attempt had not begun: it was not made, and does not count. */
export function defer(at: string, reason: string): Step {
  return { status: statusOf('retrying'), reason, attempt: 'r.attempt - 1', ...dueAgain(at) };
}

/** A run keeps its place in the order by priority. */
function dueAgain(at: string): Changes {
  return { due_at: at, effective_due_at: `${at} + (r.effective_due_at - r.due_at)` };
}

/** Stays running: its holder has it until `until`. */
export function hold(until: string, reason: string): Step {
  return { status: statusOf('running'), heartbeat_due: until, reason };
}

/** pending → skipped. */
export function skip(reason: string, at: string): Step {
  return { ...end(statusOf('skipped'), at), reason };
}

/** pending, retrying → cancelled. */
export function cancelWaiting(reason: string, at: string): Step {
  return { ...cancelled('cancelled before it started', at), reason };
}

/** running → cancelled where the run is held: the attempt ends with it. */
function cancelHeld(reason: string, at: string): Step {
  const records = { attempts: cancelledAttempts(at), heartbeat_due: 'null' };
  return { ...cancelled('cancelled', at), reason, cancel_requested: 'true', ...records };
}

/**
 * running → cancelled where the attempt is over, or was given up, and cancelling had been asked for, with its reason.
 */
export function cancelUnderWay(at: string): Step {
  return { ...cancelled('cancelled', at), heartbeat_due: 'null' };
}

/** Stays running until the replica that makes the attempt has aborted it. */
function askToAbort(reason: string): Changes {
  return { cancel_requested: 'true', reason };
}

/** Whether a replica makes an attempt of the run `r`, which it can abort. A held run has none. */
export const hasAttempt = `(r.status = 'running' and r.heartbeat_due is null)`;

/** pending, retrying, running → cancelled. Where an attempt has to be aborted first, the run is only marked. */
export function cancel(reason: string, at: string): Step {
  return choose(
    [
      [hasAttempt, askToAbort(reason)],
      [`r.status = 'running'`, cancelHeld(reason, at)],
    ],
    cancelWaiting(reason, at),
  );
}

/** The same for a run that a later one replaces: one that never began is skipped. */
export function giveWay(reason: string, at: string): Step {
  return choose(
    [
      [hasAttempt, askToAbort(reason)],
      [`r.status = 'running'`, cancelHeld(reason, at)],
      [`r.status = 'pending'`, skip(reason, at)],
    ],
    { ...end(statusOf('cancelled'), at), reason },
  );
}

function cancelled(message: string, at: string): Step {
  const error = { error_kind: `'cancelled'::error_kind`, error_message: `'${message}'` };
  return { ...end(statusOf('cancelled'), at), ...error };
}

function statusOf(status: RunStatus): StatusSql {
  return `'${status}'::run_status` as StatusSql;
}
