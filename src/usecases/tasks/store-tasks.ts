/**
 * Stores new tasks. A task whose single instant has just passed is stored with its waiting run, in one transaction.
 *
 * Such an instant may lie below the watermark, where no sweep looks for it. Without its run it would be lost if every
 * replica died before one of them claimed it.
 */

import { parseInstant } from '../../domain/input/instant.ts';
import { nextOccurrence } from '../../domain/schedule/occurrence.ts';
import { timingOf } from '../../domain/task/task.ts';
import { ok } from '../../errors.ts';
import type { Author } from '../../store/events/events.ts';
import { inTransaction, type Queryable } from '../../store/postgres/database.ts';
import { insertDue } from '../../store/runs/claiming/insert-due.ts';
import { insertMany } from '../../store/tasks/inserts.ts';
import { insertWithinQuotas, type Stored } from '../../store/tasks/quotas.ts';
import type { Task } from '../../store/tasks/row.ts';
import { insertFreeTasks, type NewTask } from '../../store/tasks/tasks.ts';
import { logChange } from '../audit/log-change.ts';
import type { UseCaseContext } from '../context.ts';
import { quotaExceeded } from '../quotas.ts';
import { notFound, type Outcome, refuse } from '../refusal.ts';
import { holdSecretsOf, noteSecretsOf, usesSecrets } from '../secrets/task-secrets.ts';

/** What became of `items`, all of one namespace, in their order. Wakes the replicas. */
export async function storeTasks(context: UseCaseContext, items: readonly NewTask[]): Promise<Stored[]> {
  const { database, now } = context;
  const [first] = items;
  if (first === undefined) return [];
  const stored = items.some((item) => isLate(item, now()) || usesSecrets(context, item.definition))
    ? await inTransaction(database, (db) => storeWithRuns(context, db, items))
    : items.length === 1
      ? [await context.insertTask(first, now())]
      : await insertMany(database, items, now());
  tellOfTasks(context, stored, first.author);
  return stored;
}

/** The same in a transaction of the caller, who calls `tellOfTasks` after it. */
export async function storeWithRuns(
  context: UseCaseContext,
  db: Queryable,
  items: readonly NewTask[],
): Promise<Stored[]> {
  const { now, calendar, runIds } = context;
  const [first] = items;
  if (first === undefined) return [];
  const at = now();
  await holdSecretsOf(context, db, items);
  const free = await insertFreeTasks(db, items, at);
  const stored = free.includes('has_quotas')
    ? await insertWithinQuotas(db, first.namespace, items, at)
    : free.filter((each) => each !== 'has_quotas');
  const using = stored.filter(isStored).filter(({ definition }) => usesSecrets(context, definition));
  if (using.length > 0) await noteSecretsOf(context, db, using);
  const late = stored.flatMap((task) => {
    if (!isStored(task) || !isLate(task, at)) return [];
    const { uid, scheduleVersion, definition, activeFrom } = task;
    const timing = timingOf(uid, definition, activeFrom, calendar);
    const instant = timing && nextOccurrence(timing, activeFrom);
    if (instant === null || instant > at) return [];
    const due = { runId: runIds().of(uid, instant), uid, scheduleVersion, scheduledFor: instant, knownVersion: 0 };
    return [{ ...due, limited: definition.maxRuns !== null }];
  });
  if (late.length > 0) await insertDue(db, late, 'schedule', at);
  return stored;
}

/** Logs new tasks, and wakes the replicas for them and for the runs that were stored with them. */
export function tellOfTasks(context: UseCaseContext, stored: readonly Stored[], author: Author): void {
  const { signal, noteRuns, now } = context;
  const tasks = stored.filter(isStored);
  for (const task of tasks) logChange(context, author, 'task.created', task);
  if (tasks.length > 0) signal('tasks');
  const late = tasks.filter((task) => isLate(task, now()));
  for (const { namespace, id } of late) noteRuns(namespace, id);
  if (late.length > 0) signal('waiting');
  if (late.some(({ definition }) => definition.hooks?.before)) signal('checks');
}

/** The outcome for who wants to create the task of this id. */
export function outcomeOf(stored: Stored, { namespace, id }: Pick<NewTask, 'namespace' | 'id'>): Outcome<Task> {
  if (stored === null) return refuse('task_exists', `a task with the id "${id}" exists`);
  if (stored !== null && 'closed' in stored) return notFound(`namespace "${namespace}"`);
  return isStored(stored) ? ok(stored) : quotaExceeded(namespace, stored);
}

function isStored(stored: Stored): stored is Task {
  return stored !== null && 'uid' in stored;
}

/** Whether the task is due once, at an instant that is not after `now` and still counts. */
function isLate({ definition }: Pick<NewTask, 'definition'>, now: number): boolean {
  const { schedule, status } = definition;
  const at = status === 'active' && 'at' in schedule ? parseInstant(schedule.at) : null;
  return at !== null && at <= now;
}
