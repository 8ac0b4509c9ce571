/** Stored things as the contract shows them. */

import { type Role, roleAllows } from '../../domain/access/role.ts';
import { formatInstant } from '../../domain/input/instant.ts';
import { alreadyJson } from '../../domain/input/json-text.ts';
import type { Detail } from '../../domain/run/detail.ts';
import { hideSigning, redactDefinition } from '../../domain/task/credentials.ts';
import type { Targets } from '../../domain/task/target.ts';
import type { LastRun, Run, WholeRun } from '../../store/runs/history.ts';
import type { ListedTask } from '../../store/tasks/pages.ts';
import type { Task } from '../../store/tasks/row.ts';
import { priorityOf } from '../../usecases/runs/get-run.ts';
import { nextRunAt } from '../../usecases/tasks/next-occurrences.ts';
import type { HttpContext } from '../context.ts';
import { logView, runLinks } from './run-links.ts';

/** A task as a caller of this role may see it: only a caller that may change it sees the credentials in its headers. */
export function taskView(
  task: Task,
  lastRun: LastRun | null,
  now: number,
  { calendar, targets }: Pick<HttpContext, 'calendar' | 'targets'>,
  role: Role,
) {
  const last = lastRun && {
    ...{ id: lastRun.id, status: lastRun.status },
    ...{ scheduledFor: lastRun.scheduledFor.getTime(), finishedAt: lastRun.finishedAt?.getTime() ?? null },
  };
  return { ...definitionView(task, role, targets), ...changingView(nextRunAt(task, now, calendar), last, null) };
}

/** The members that change only with the version of a task. */
export function definitionView(task: Task, role: Role, targets: Targets) {
  const definition = roleAllows(role, 'admin')
    ? hideSigning(task.definition)
    : redactDefinition(task.definition, targets);
  const { target, fallback } = definition;
  return {
    id: task.id,
    ...definition,
    target: targets.asShown(target),
    fallback: fallback && targets.asShown(fallback),
    version: task.version,
    createdAt: formatInstant(task.createdAt),
    updatedAt: formatInstant(task.updatedAt),
  };
}

/** The members that change by themselves. Instants are epoch milliseconds. Without a strip there is no such member. */
export function changingView(next: number | null, lastRun: ListedTask['lastRun'], strip: ListedTask['strip']) {
  return {
    nextRunAt: next === null ? null : formatInstant(next),
    lastRun: lastRun && {
      ...{ id: lastRun.id, status: lastRun.status, scheduledFor: formatInstant(lastRun.scheduledFor) },
      finishedAt: lastRun.finishedAt === null ? null : formatInstant(lastRun.finishedAt),
    },
    ...(strip && { strip: strip.map((run) => ({ ...run, scheduledFor: formatInstant(run.scheduledFor) })) }),
  };
}

/** A run that is answered by itself, with its log and its links; `base` stands before the paths of routes. */
export function wholeRunView(run: WholeRun, base: string) {
  return { ...runView(run), log: logView(run), links: runLinks(run, base) };
}

/** A run as lists have it. */
export function runView(run: Run) {
  const error = run.errorKind === null ? null : { kind: run.errorKind, message: run.errorMessage ?? '' };
  const duration = run.startedAt && run.finishedAt ? run.finishedAt.getTime() - run.startedAt.getTime() : null;
  return {
    id: run.id,
    taskId: run.taskId,
    trigger: run.trigger,
    triggerSource: run.origin?.source ?? null,
    input: run.input === null ? null : alreadyJson(run.input),
    priority: priorityOf(run),
    scheduledFor: shown(run.scheduledFor),
    status: run.status,
    attempt: run.attempt,
    maxAttempts: run.maxAttempts,
    replica: run.owner,
    createdAt: shown(run.createdAt),
    startedAt: shown(run.startedAt),
    finishedAt: shown(run.finishedAt),
    latenessMs: run.startedAt ? run.startedAt.getTime() - run.scheduledFor.getTime() : null,
    durationMs: duration,
    result:
      run.httpStatus === null && run.output === null && run.detail === null
        ? null
        : { httpStatus: run.httpStatus, output: run.output, truncated: run.truncated ?? false, ...detailOf(run) },
    error,
    attempts: attemptsOf(run, error),
    reason: run.reason,
    progress: run.progress ?? null,
    heartbeatDueAt: shown(run.heartbeatDue),
  };
}

/** The finished attempts, and the one under way. A single attempt is described by the run itself. */
function attemptsOf(run: Run, error: { kind: string; message: string } | null) {
  const attempts: object[] = (run.attempts ?? []).map(({ waitsFor: _, ...shown }) => shown);
  if (run.status === 'running' && run.heartbeatDue === null)
    attempts.push({
      attempt: run.attempt,
      status: 'running',
      startedAt: attempts.length === 0 ? shown(run.startedAt) : null,
      finishedAt: null,
      error: null,
      httpStatus: null,
    });
  else if (attempts.length === 0 && run.startedAt && run.finishedAt)
    attempts.push({
      attempt: run.attempt,
      status: run.status,
      startedAt: shown(run.startedAt),
      finishedAt: shown(run.finishedAt),
      error,
      httpStatus: run.httpStatus,
      ...detailOf(run),
    });
  return attempts;
}

/** The executor's details besides an HTTP status, where there are any. */
function detailOf({ detail }: Run): { detail?: Detail } {
  return detail === null ? {} : { detail };
}

function shown(instant: Date): string;
function shown(instant: Date | null): string | null;
function shown(instant: Date | null): string | null {
  return instant && formatInstant(instant.getTime());
}
