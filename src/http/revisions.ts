/** Changes of one task: replaced, patched, started, stopped. Each is tried against the version it was made for. */

import { isDeepStrictEqual } from 'node:util';
import type { FastifyRequest } from 'fastify';
import { matchHeaderNames, unmask } from '../domain/credentials.ts';
import { gateOf } from '../domain/limits.ts';
import { isObject, mergePatch } from '../domain/merge-patch.ts';
import { exactBody, type HttpTarget } from '../domain/target.ts';
import { readTask, type TaskDefinition, type TaskInput, type TaskStatus } from '../domain/task.ts';
import { keepAnchor, revise } from '../domain/task-change.ts';
import type { Warning } from '../domain/warning.ts';
import { claimsAreOver } from '../store/barrier.ts';
import type { Task } from '../store/task-row.ts';
import { type TaskChange, updateTask } from '../store/tasks.ts';
import { authorOf, type HttpContext, taskContext } from './context.ts';
import { invalidField, ProblemError, unprocessable } from './problems.ts';
import { TaskInput as TaskInputSchema } from './schemas.ts';
import type { Validation } from './validation.ts';

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
  const given = unmask(input, current.definition);
  if (!given.ok) throw unprocessable(given.errors);
  const read = readTask(current.id, given.value, taskContext(context, warnings));
  if (!read.ok) throw unprocessable(read.errors);
  const wanted = keepAnchor(current.definition, read.value, input.schedule);
  return write(context, request, current, wanted, input.status ?? null, 'updated');
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
  const stored = { ...rest, target: asGiven(target), fallback: fallback && asGiven(fallback) };
  const merged = mergePatch(otherForm(stored, patch), matchHeaderNames(patch, current.definition));
  const errors = validation.body(TaskInputSchema)(merged);
  if (errors.length > 0) throw invalidField(errors);
  return replaceTask(context, request, current, merged as TaskInput, warnings);
}

/** A target in the form of an input, its body with the numbers it was given with. */
function asGiven({ bodyText, ...target }: HttpTarget): Omit<HttpTarget, 'bodyText'> {
  return bodyText === undefined ? target : { ...target, body: exactBody({ body: target.body, bodyText }) };
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

/** The task in another status; null when somebody else changed it meanwhile. Throws a 409 where the step is not allowed. */
export async function setStatus(
  context: HttpContext,
  request: FastifyRequest,
  current: Task,
  status: TaskStatus,
): Promise<Task | null> {
  if (current.definition.status === status)
    throw new ProblemError('illegal_transition', `the task is ${status} already`);
  return write(context, request, current, current.definition, status, status === 'active' ? 'started' : 'stopped');
}

async function write(
  context: HttpContext,
  request: FastifyRequest,
  current: Task,
  wanted: TaskDefinition,
  status: TaskStatus | null,
  type: TaskChange['type'],
): Promise<Task | null> {
  const { database, calendar, now } = context;
  const revised = revise(current, wanted, status, now(), calendar);
  if (!revised.ok) {
    const { fault } = revised;
    throw fault.kind === 'meaningless'
      ? unprocessable(fault.errors)
      : new ProblemError('illegal_transition', fault.detail);
  }
  const { revision } = revised;
  if (isDeepStrictEqual(revision.definition, current.definition)) return current;
  const written = await updateTask(database.pool, current, { type, ...revision }, authorOf(request), now());
  if (!written) return null;
  // Before waiting: whoever staged its next run can let go of it in time.
  context.signal('tasks');
  await claimsAreOver(database, () => context.pause(2));
  // What waited for a limit may start now.
  if (gateOf(current.definition) !== gateOf(wanted)) context.signal('waiting');
  return written.task;
}
