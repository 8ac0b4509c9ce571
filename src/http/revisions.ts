/** Changes of one task: replaced, patched, started, stopped. Each is tried against the version it was made for. */

import { isDeepStrictEqual } from 'node:util';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isObject, mergePatch } from '../domain/input/merge-patch.ts';
import type { Warning } from '../domain/input/warning.ts';
import { gateOf } from '../domain/limits/limits.ts';
import type { Misfire } from '../domain/schedule/misfire.ts';
import {
  isPlainChange,
  keepAnchor,
  type Moment,
  missLeft,
  reviseInSteps,
  staysDue,
  type Wish,
} from '../domain/task/change.ts';
import { alignPatch, redactDefinition, restoreCredentials } from '../domain/task/credentials.ts';
import type { TaskStatus } from '../domain/task/states.ts';
import type { Target } from '../domain/task/target.ts';
import { readTask, type TaskDefinition, type TaskInput } from '../domain/task/task.ts';
import type { Author } from '../store/events/events.ts';
import { cancelOutdated, cancelRunsOf } from '../store/runs/cancelling.ts';
import { claimsAreOver } from '../store/tasks/barrier.ts';
import {
  type Changed,
  changeTask,
  type RecordedMiss,
  recountRuns,
  resolveMiss,
  stopReason,
} from '../store/tasks/changes.ts';
import type { Task } from '../store/tasks/row.ts';
import { type TaskChange, updateTask } from '../store/tasks/tasks.ts';
import { resultOf } from '../turns.ts';
import { taskContext } from '../usecases/context.ts';
import { warnOfOldZones } from '../usecases/zones.ts';
import { authorOf, type HttpContext } from './context.ts';
import type { Validation } from './input/validation.ts';
import { invalidField, ProblemError, unprocessable } from './problems.ts';

const taskInput = Type.Ref('TaskInput#');

/** Turns for a change that loses to others': each after a longer pause, some two seconds in all. */
export async function* triesOf({ pause }: Pick<HttpContext, 'pause'>): AsyncGenerator<number> {
  for (let attempt = 0; attempt < 40; attempt++) {
    if (attempt > 0) await pause(Math.min(2 * attempt, 60));
    yield attempt;
  }
}

/**
 * The task as replaced by a body of the right form, and what to tell about it in `warnings`; null when somebody else
 * changed it meanwhile. Throws problems.
 */
export async function replaceTask(
  context: HttpContext,
  request: FastifyRequest,
  current: Task,
  input: TaskInput,
  warnings: Warning[],
): Promise<Task | null> {
  const given = restoreCredentials(input, current.definition, context.targets);
  if (!given.ok) throw unprocessable(given.errors);
  const read = readTask(current.id, given.value, taskContext(context, warnings), current.definition);
  if (!read.ok) throw unprocessable(read.errors);
  warnOfOldZones(context, read.value.schedule, warnings);
  const definition = keepAnchor(current.definition, read.value, input.schedule);
  const wish: Wish = { definition, status: input.status ?? null, catchUp: 'skip' };
  return write(context, authorOf(request), current, wish, 'updated');
}

/** The task with a merge patch applied; null when somebody else changed it meanwhile. Throws problems. */
export async function patchTask(
  context: HttpContext,
  request: FastifyRequest,
  current: Task,
  patch: unknown,
  validation: Validation,
  warnings: Warning[],
): Promise<Task | null> {
  if (!isObject(patch)) throw invalidField([{ pointer: '#', detail: 'must be an object' }]);
  const { status: _, target, fallback, ...rest } = current.definition;
  const { targets } = context;
  const asInput = (named: string, kept: Target) => (otherType(patch[named], kept) ? {} : targets.asInput(kept));
  const stored = {
    ...rest,
    target: asInput('target', target),
    fallback: fallback && asInput('fallback', fallback),
  };
  const merged = mergePatch(otherForm(stored, patch), alignPatch(patch, current.definition, targets));
  const errors = validation.body(taskInput)(merged);
  if (errors.length > 0) throw invalidField(errors);
  return replaceTask(context, request, current, merged as TaskInput, warnings);
}

/** Whether a patch makes a target one of another type: then nothing of the stored one stays. */
function otherType(patch: unknown, stored: Target): boolean {
  return isObject(patch) && patch.type != null && patch.type !== stored.type;
}

/** A patch that names another form of schedule means that form, not a mixture: the old one's members go first. */
function otherForm(stored: object, patch: Record<string, unknown>): object {
  if (!isObject(patch.schedule)) return stored;
  const forms = ['cron', 'every', 'at', 'delay', 'manual'];
  const named = forms.filter((form) => isObject(patch.schedule) && patch.schedule[form] != null);
  const { schedule, ...rest } = stored as TaskDefinition;
  const { cron, timezone } = patch.schedule;
  // The zone before a pattern stands for the one beside it.
  if (timezone === undefined && typeof cron === 'string' && /^\s*(?:CRON_)?TZ=/.test(cron)) return rest;
  return named.length === 0 || named.some((form) => form in schedule) ? stored : rest;
}

/**
 * The task as started, with what `catchUp` makes up for; null when somebody else changed it meanwhile. `source` is what
 * made the caller ask, null when it did not say. Throws problems.
 */
export async function startTask(
  context: HttpContext,
  request: FastifyRequest,
  current: Task,
  catchUp: Misfire['policy'],
  source: string | null,
): Promise<Task | null> {
  if (current.definition.status === 'active') throw alreadyIs('active');
  const wish: Wish = { definition: current.definition, status: 'active', catchUp };
  return write(context, { ...authorOf(request), source }, current, wish, 'started');
}

/** The task as stopped; null when somebody else changed it meanwhile. `source` as for a start. Throws problems. */
export async function stopTask(
  context: HttpContext,
  request: FastifyRequest,
  current: Task,
  cancel: Cancelled,
  source: string | null,
): Promise<Task | null> {
  if (current.definition.status === 'stopped') {
    await holdAgain(context, current, cancel);
    throw alreadyIs('stopped');
  }
  const wish: Wish = { definition: current.definition, status: 'stopped', catchUp: 'skip' };
  return write(context, { ...authorOf(request), source }, current, wish, 'stopped', cancel);
}

const alreadyIs = (status: TaskStatus) => new ProblemError('illegal_transition', `the task is ${status} already`);

/** Which runs a stop cancels. */
type Cancelled = 'none' | 'pending' | 'all';

async function write(
  context: HttpContext,
  author: Author,
  current: Task,
  wish: Wish,
  type: TaskChange['type'],
  cancel: Cancelled = 'pending',
): Promise<Task | null> {
  const { database, calendar, now, holdingTurns: turns } = context;
  const before = current.definition;
  const redact = (definition: TaskDefinition) => redactDefinition(definition, context.targets);
  if (isPlainChange(before, wish)) {
    const definition = { ...wish.definition, status: before.status };
    if (isDeepStrictEqual(definition, before)) {
      // What a stop left waiting because it was asked to is let be.
      await holdAgain(context, current, 'none');
      return current;
    }
    const written = await updateTask(
      database.pool,
      current,
      { type, definition, activeFrom: null, redact },
      author,
      now(),
    );
    return written && afterChange(context, current, { task: written, missed: null, made: 0 });
  }
  const decide = (task: Task, moment: Moment) => resultOf(reviseInSteps(task, wish, moment, calendar), turns);
  const answer = await changeTask(database, context.runIds(), current, wish, type, decide, author, redact);
  if (!answer.ok) {
    if (answer.why.stale) return null;
    const { fault } = answer.why;
    throw fault.kind === 'meaningless' ? unprocessable(fault.errors) : new ProblemError(fault.kind, fault.detail);
  }
  const { changed } = answer;
  const task = await afterChange(context, current, changed);
  if (before.maxRuns === null && task.definition.maxRuns !== null) await recountRuns(database, task.uid);
  if (task.scheduleVersion === current.scheduleVersion || before.status !== 'active') return task;
  // A clock that is behind must not make them older than the change.
  await cancelEnded(context, task, cancel, Math.max(now(), changed.at));
  return task;
}

/**
 * Cancels the waiting runs that a change has ended: all of a task that was stopped, else those that are due no longer.
 */
async function cancelEnded(context: HttpContext, task: Task, cancel: Cancelled, at: number): Promise<void> {
  const { database, calendar, holdingTurns: turns } = context;
  if (task.definition.status === 'stopped' && cancel !== 'none') {
    const { cancelled, aborting } = await cancelRunsOf(database.pool, task.uid, cancel, stopReason, at);
    context.metrics.cancelled('stop', cancelled + aborting);
    if (aborting > 0) context.signal('cancel');
  } else if (task.definition.status === 'active') {
    const isDue = async (instant: number) => {
      if (turns.areOver()) await turns.take();
      return staysDue(task, instant, calendar);
    };
    context.metrics.cancelled('change', await cancelOutdated(database.pool, task.uid, isDue, at));
  }
}

/**
 * Makes a change hold that finds nothing to change: it may repeat one that was committed and then failed, or is still
 * being made to hold.
 */
async function holdAgain(context: HttpContext, task: Task, cancel: Cancelled): Promise<void> {
  await claimsAreOver(context.database, () => context.pause(2));
  await cancelEnded(context, task, cancel, context.now());
}

/** Makes a change hold before it is answered: nothing that could not see it is under way any more. */
async function afterChange(
  context: HttpContext,
  before: Task,
  { task, missed, made }: Pick<Changed, 'task' | 'missed' | 'made'>,
): Promise<Task> {
  const { database } = context;
  // Before waiting: whoever pre-claimed its next run can let go of it in time.
  context.signal('tasks');
  await claimsAreOver(database, () => context.pause(2));
  if (missed) await resolveCut(context, missed);
  const { hooks } = task.definition;
  // What waited for a limit may start now.
  if (made > 0 || gateOf(before.definition) !== gateOf(task.definition)) {
    context.signal('waiting');
    if (made > 0 && hooks?.before) context.signal('checks');
  }
  return task;
}

/** Corrects what a change recorded as missed by the runs that claims made meanwhile. */
export function resolveCut({ database, calendar, holdingTurns }: HttpContext, missed: RecordedMiss): Promise<void> {
  return resolveMiss(database.pool, missed, (open) =>
    resultOf(missLeft(missed.before, open, missed.miss, calendar), holdingTurns),
  );
}
