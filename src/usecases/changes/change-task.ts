/** Writes a change of one task, and makes it hold: it is answered only when no older claim can start a run any more. */

import { isDeepStrictEqual } from 'node:util';
import { sameLimits } from '../../domain/limits/limits.ts';
import { isPlainChange, type Moment, missLeft, reviseInSteps, staysDue, type Wish } from '../../domain/task/change.ts';
import { redactDefinition } from '../../domain/task/credentials.ts';
import type { TaskDefinition } from '../../domain/task/task.ts';
import { ok } from '../../errors.ts';
import { type Changed, recountRuns, stopReason, changeTask as storeChange } from '../../store/changes/changes.ts';
import { type RecordedMiss, resolveMiss } from '../../store/changes/misses.ts';
import { type Author, describeChange, noteEvent } from '../../store/events/events.ts';
import { inTransaction, type Queryable } from '../../store/postgres/database.ts';
import { cancelOutdated, cancelRunsOf } from '../../store/runs/completing/cancelling.ts';
import { claimsAreOver } from '../../store/tasks/barrier.ts';
import type { Task } from '../../store/tasks/row.ts';
import { type TaskChange, updateTask } from '../../store/tasks/tasks.ts';
import { resultOf } from '../../turns.ts';
import { logChange } from '../audit/log-change.ts';
import type { UseCaseContext } from '../context.ts';
import { meaningless, type Outcome, refuse } from '../refusal.ts';
import { missingSecrets, noteSecretsOf, usesSecrets } from '../secrets/task-secrets.ts';

export type Change = {
  type: TaskChange['type'];
  wish: Wish;
  author: Author;
  /** Which runs a stop cancels: those that wait when absent. */
  cancel?: CancelledRuns;
  /** One more event of the task, which tells why it was changed. */
  event?: { type: string; changes: Record<string, unknown> };
};

export type CancelledRuns = 'none' | 'pending' | 'all';

/**
 * Repeats `attempt` while it gives null, which means that another caller changed the task at the same time. The pauses
 * grow to some two seconds in all. Then the change is refused.
 */
export async function untilWritten<T>(
  { pause }: Pick<UseCaseContext, 'pause'>,
  attempt: () => Promise<Outcome<T | null>>,
): Promise<Outcome<T>> {
  for (let tries = 0; tries < 40; tries++) {
    if (tries > 0) await pause(Math.min(2 * tries, 60));
    const outcome = await attempt();
    if (!outcome.ok) return outcome;
    if (outcome.value !== null) return ok(outcome.value);
  }
  return refuse('conflict', 'the task is being changed too often; try again');
}

/** The task as changed; null when another caller changed it since `current` was read. */
export async function changeTask(
  context: UseCaseContext,
  current: Task,
  change: Change,
): Promise<Outcome<Task | null>> {
  const { database, calendar, now, holdingTurns: turns } = context;
  const { type, wish, author, cancel = 'pending', event } = change;
  const before = current.definition;
  const touchesSecrets =
    type === 'updated' && [before, wish.definition].some((definition) => usesSecrets(context, definition));
  const redact = (definition: TaskDefinition) => redactDefinition(definition, context.targets);
  if (isPlainChange(before, wish)) {
    const definition = { ...wish.definition, status: before.status };
    if (isDeepStrictEqual(definition, before)) {
      // Runs that a stop was asked to leave alone go on waiting.
      await holdAgain(context, current, 'none');
      return ok(current);
    }
    const plain = { type, definition, activeFrom: null, redact };
    const write = (db: Queryable) => updateTask(db, current, plain, author, now());
    const written = touchesSecrets
      ? await inTransaction(database, async (db) => {
          const missing = await missingSecrets(context, db, current.namespace, definition);
          if (missing.length > 0) return meaningless(missing);
          const task = await write(db);
          if (task !== null) await noteSecretsOf(context, db, [task]);
          return ok(task);
        })
      : ok(await write(database.pool));
    if (!written.ok) return written;
    const task = written.value;
    if (task === null) return ok(null);
    logChanged(context, current, task, change, redact);
    return ok(await hold(context, current, { task, missed: null, made: 0 }));
  }
  const decide = async (task: Task, moment: Moment, db: Queryable) => {
    const revised = await resultOf(reviseInSteps(task, wish, moment, calendar), turns);
    if (!revised.ok || !touchesSecrets) return revised;
    const errors = await missingSecrets(context, db, task.namespace, wish.definition);
    if (errors.length > 0) return { ok: false as const, fault: { kind: 'meaningless' as const, errors } };
    await noteSecretsOf(context, db, [{ ...task, definition: wish.definition }]);
    return revised;
  };
  const answer = await storeChange(database, context.runIds(), current, wish, type, decide, author, redact);
  if (!answer.ok) {
    if (answer.why.stale) return ok(null);
    const { fault } = answer.why;
    return fault.kind === 'meaningless' ? meaningless(fault.errors) : refuse(fault.kind, fault.detail);
  }
  const { changed } = answer;
  logChanged(context, current, changed.task, change, redact);
  if (event) await noteEvent(database.pool, current.uid, event.type, author, event.changes, changed.at);
  const task = await hold(context, current, changed);
  if (before.maxRuns === null && task.definition.maxRuns !== null) await recountRuns(database, task.uid);
  if (task.scheduleVersion !== current.scheduleVersion && before.status === 'active')
    // A clock that is behind must not make them older than the change.
    await cancelEnded(context, task, cancel, Math.max(now(), changed.at));
  return ok(task);
}

function logChanged(
  context: UseCaseContext,
  before: Task,
  after: Task,
  { type, author }: Change,
  redact: (definition: TaskDefinition) => TaskDefinition,
): void {
  const changes = describeChange(before.definition, after.definition, redact);
  const { source = null } = author;
  logChange(context, author, `task.${type}`, after, { ...changes, ...(source !== null && { triggerSource: source }) });
}

/**
 * Makes a change hold that finds nothing to do. It may repeat a change that was committed and whose wait then failed,
 * or is still under way.
 */
export async function holdAgain(context: UseCaseContext, task: Task, cancel: CancelledRuns): Promise<void> {
  await noOlderClaims(context);
  await cancelEnded(context, task, cancel, context.now());
}

/**
 * Waits until no claim is under way that began before now: such a claim may start runs of the old definition. Rejects
 * after some five seconds.
 */
export function noOlderClaims({ database, pause }: UseCaseContext): Promise<void> {
  return claimsAreOver(database, () => pause(2));
}

/** Takes runs that claims made meanwhile out of the miss that a change recorded. */
export function correctMiss({ database, calendar, holdingTurns }: UseCaseContext, missed: RecordedMiss): Promise<void> {
  return resolveMiss(database.pool, missed, (open) =>
    resultOf(missLeft(missed.before, open, missed.miss, calendar), holdingTurns),
  );
}

/** Resolves once no claim is under way that could not see the change. */
async function hold(
  context: UseCaseContext,
  before: Task,
  { task, missed, made }: Pick<Changed, 'task' | 'missed' | 'made'>,
): Promise<Task> {
  // The signal comes before the wait, so that a replica can roll back its pre-claim of the next run in time.
  context.signal('tasks');
  await noOlderClaims(context);
  if (missed) await correctMiss(context, missed);
  context.noteRuns(task.namespace, task.id, made);
  // A run that waited for a limit may start now.
  if (made > 0 || !sameLimits(before.definition, task.definition)) {
    context.signal('waiting');
    if (made > 0 && task.definition.hooks?.before) context.signal('checks');
  }
  return task;
}

/**
 * Cancels the waiting runs that a change has ended: all of a task that was stopped, else those that are due no longer.
 */
async function cancelEnded(context: UseCaseContext, task: Task, cancel: CancelledRuns, at: number): Promise<void> {
  const { database, calendar, metrics, noteRuns, holdingTurns: turns } = context;
  if (task.definition.status === 'stopped' && cancel !== 'none') {
    const { cancelled, aborting } = await cancelRunsOf(database.pool, task.uid, cancel, stopReason, at);
    metrics.cancelled('stop', cancelled + aborting);
    noteRuns(task.namespace, task.id, cancelled + aborting);
    if (aborting > 0) context.signal('cancel');
  } else if (task.definition.status === 'active') {
    const isDue = async (instant: number) => {
      if (turns.areOver()) await turns.take();
      return staysDue(task, instant, calendar);
    };
    const cancelled = await cancelOutdated(database.pool, task.uid, isDue, at);
    metrics.cancelled('change', cancelled);
    noteRuns(task.namespace, task.id, cancelled);
  }
}
