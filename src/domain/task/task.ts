/** A task: its fields, their defaults, and the checks that look at more than one field's shape. */

import { isDeepStrictEqual } from 'node:util';
import type { Result } from '../../errors.ts';
import { type FieldError, ok } from '../../errors.ts';
import { formatDuration, parseDuration, readDuration } from '../input/duration.ts';
import { formatInstant, parseInstant } from '../input/instant.ts';
import type { Warn } from '../input/warning.ts';
import type { Calendar } from '../schedule/calendar.ts';
import type { Misfire } from '../schedule/misfire.ts';
import { nextOccurrence, type Timing } from '../schedule/occurrence.ts';
import { compileSchedule, readSchedule, type Schedule, type ScheduleContext } from '../schedule/schedule.ts';
import { type Policies, type PoliciesInput, readPolicies } from './policies.ts';
import type { TaskStatus } from './states.ts';
import type { Target, TargetReader } from './target.ts';

export const overlaps = ['skip', 'queue', 'allow', 'replace'] as const;
export type Overlap = (typeof overlaps)[number];

export const backoffs = ['exponential', 'fixed', 'linear'] as const;
export const retryKinds = ['timeout', 'unavailable', 'rejected', 'internal'] as const;

/** Durations in canonical text. */
export type Retry = {
  maxAttempts: number;
  backoff: (typeof backoffs)[number];
  minBackoff: string;
  maxBackoff: string;
  /** Of the whole run, from its first attempt's start; null = as long as attempts are left. */
  maxDuration: string | null;
  multiplier: number;
  jitter: number;
  retryOn: (typeof retryKinds)[number][];
};

/** All that a client decides about a task, in the canonical form that is stored and echoed. Instants are RFC 3339. */
export type TaskDefinition = {
  name: string;
  description: string | null;
  labels: Record<string, string>;
  schedule: Schedule;
  target: Target;
  timeout: string;
  retry: Retry;
  overlap: Overlap;
  misfire: Misfire;
  startsAt: string | null;
  endsAt: string | null;
  maxRuns: number | null;
  jitter: string | null;
  priority: number;
  status: TaskStatus;
} & Policies;

/** A client's input; the HTTP layer's schema has checked the shape of every member, null standing for absent. */
export type TaskInput = {
  name?: string | null;
  description?: string | null;
  labels?: Record<string, string> | null;
  schedule: unknown;
  target: unknown;
  timeout?: string | null;
  retry?: Partial<Retry> | null;
  overlap?: Overlap | null;
  misfire?: Partial<Misfire> | null;
  startsAt?: string | null;
  endsAt?: string | null;
  maxRuns?: number | null;
  jitter?: string | null;
  priority?: number | null;
  status?: TaskStatus | null;
} & PoliciesInput;

/** The functions and facts from outside that reading a task needs. */
export type TaskContext = {
  /** Epoch milliseconds by the database's clock. */
  now: number;
  calendar: Calendar;
  targets: TargetReader;
  /** Takes warnings: of inputs that were rewritten, and of inputs that are probably not meant. */
  warn?: Warn;
};

/** One attempt is the default: a client must decide that a side effect may be repeated. */
const defaultRetry: Retry = {
  maxAttempts: 1,
  backoff: 'exponential',
  minBackoff: '1s',
  maxBackoff: '5m',
  maxDuration: null,
  multiplier: 2,
  jitter: 0.2,
  retryOn: [...retryKinds],
};

export const defaultMisfire: Misfire = { policy: 'fire_once', grace: '1m', limit: 100 };

const longestTimeout = 24 * 3_600_000;
const longestDelay = 30 * 24 * 3_600_000;

/**
 * The canonical task of a client's input, or every fault in it with its pointer. `id` is the default of `name`. Parts
 * that equal those of `stored`, the definition to be replaced, are not checked again: time has passed, or settings may
 * have changed.
 */
export function readTask(
  id: string,
  input: TaskInput,
  context: TaskContext,
  stored: TaskDefinition | null = null,
): Result<TaskDefinition> {
  const errors: FieldError[] = [];
  const duration = (pointer: string, text: string, least: number, most: number): number => {
    const read = readDuration(text);
    if (!read.ok) errors.push({ pointer, detail: read.errors });
    else if (read.value < least || read.value > most)
      errors.push({ pointer, detail: `must lie between ${formatDuration(least)} and ${formatDuration(most)}` });
    return read.ok ? read.value : 0;
  };
  const instant = (pointer: string, text: string | null | undefined): number | null => {
    if (text === null || text === undefined) return null;
    const ms = parseInstant(text);
    if (ms === null)
      errors.push({ pointer, detail: `"${text}" is not an RFC 3339 instant such as "2026-12-01T09:00:00Z"` });
    return ms;
  };

  const timeoutMs = duration('#/timeout', input.timeout ?? '30s', 1, longestTimeout);
  const retry: Retry = { ...defaultRetry, ...given(input.retry) };
  const minBackoff = duration('#/retry/minBackoff', retry.minBackoff, 0, longestDelay);
  const maxBackoff = duration('#/retry/maxBackoff', retry.maxBackoff, 0, longestDelay);
  if (minBackoff > maxBackoff)
    errors.push({ pointer: '#/retry/minBackoff', detail: 'must not be longer than maxBackoff' });
  const maxDuration =
    retry.maxDuration === null ? null : duration('#/retry/maxDuration', retry.maxDuration, 1, longestDelay);
  const misfire = { ...defaultMisfire, ...given(input.misfire) };
  const graceMs = duration('#/misfire/grace', misfire.grace, 0, longestDelay);
  const startsAt = instant('#/startsAt', input.startsAt);
  const endsAt = instant('#/endsAt', input.endsAt);
  if (startsAt !== null && endsAt !== null && endsAt < startsAt)
    errors.push({ pointer: '#/endsAt', detail: 'must not lie before startsAt' });
  const jitterMs = typeof input.jitter === 'string' ? duration('#/jitter', input.jitter, 0, 24 * 3_600_000) : null;
  if (input.status === 'completed' && stored?.status !== 'completed')
    errors.push({ pointer: '#/status', detail: 'a task completes by itself; set "active" or "stopped"' });

  const { now, calendar, warn = () => {} } = context;
  const schedule = readScheduleOf(input.schedule, { now, graceMs, taskId: id, warn }, calendar, stored);
  if (!schedule.ok) errors.push(...schedule.errors);
  const { targets } = context;
  const target = targets.read(input.target, {
    pointer: '#/target',
    stored: stored?.target ?? null,
    template: input.template,
  });
  if (!target.ok) errors.push(...target.errors);
  const overlap = input.overlap ?? 'skip';
  const read = readPolicies(input, targets, stored);
  errors.push(...read.errors);
  if (read.policies.maxConcurrency !== null && overlap !== 'allow')
    errors.push({
      pointer: '#/maxConcurrency',
      detail: `says nothing where overlap is "${overlap}": one run at a time; set overlap to "allow"`,
    });
  const heartbeatMs = parseDuration(read.policies.heartbeatTimeout ?? '0s') ?? 0;
  if (maxDuration !== null && heartbeatMs > maxDuration)
    errors.push({ pointer: '#/heartbeatTimeout', detail: 'must not be longer than retry.maxDuration' });
  if (errors.length > 0 || !schedule.ok || !target.ok) return { ok: false, errors };

  const status = input.status ?? 'active';
  const definition: TaskDefinition = {
    name: input.name ?? id,
    description: input.description ?? null,
    labels: input.labels ?? {},
    schedule: schedule.value,
    target: target.value,
    timeout: formatDuration(timeoutMs),
    retry: {
      ...retry,
      minBackoff: formatDuration(minBackoff),
      maxBackoff: formatDuration(maxBackoff),
      maxDuration: maxDuration === null ? null : formatDuration(maxDuration),
      retryOn: [...new Set(retry.retryOn)],
    },
    overlap,
    misfire: { ...misfire, grace: formatDuration(graceMs) },
    startsAt: startsAt === null ? null : formatInstant(startsAt),
    endsAt: endsAt === null ? null : formatInstant(endsAt),
    maxRuns: input.maxRuns ?? null,
    jitter: jitterMs === null ? null : formatDuration(jitterMs),
    priority: input.priority ?? 5,
    status,
    ...read.policies,
  };
  return ok(definition);
}

/** The schedule; a stored one that time has made invalid is no fault. */
function readScheduleOf(
  input: unknown,
  context: ScheduleContext,
  calendar: Calendar,
  stored: TaskDefinition | null,
): Result<Schedule> {
  const read = readSchedule(input, context, calendar);
  if (read.ok || stored === null) return read;
  if (isDeepStrictEqual(input, stored.schedule)) return ok(stored.schedule);
  const { taskId = null } = context;
  const then = readSchedule(input, { now: 0, graceMs: Infinity, taskId }, calendar);
  return then.ok && isDeepStrictEqual(then.value, stored.schedule) ? then : read;
}

export type TimingSource = Pick<TaskDefinition, 'schedule' | 'startsAt' | 'endsAt' | 'jitter'>;

/** The timing of the task, ready to compute with; null when its schedule is no longer known here. */
export function timingOf(uid: number, task: TimingSource, activeFrom: number, calendar: Calendar): Timing | null {
  const schedule = compileSchedule(task.schedule, calendar);
  if (schedule === null) return null;
  return {
    uid,
    schedule,
    activeFrom,
    startsAt: task.startsAt === null ? null : parseInstant(task.startsAt),
    endsAt: task.endsAt === null ? null : parseInstant(task.endsAt),
    jitterMs: task.jitter === null ? 0 : (parseDuration(task.jitter) ?? 0),
  };
}

/**
 * Refuses a schedule that leaves an active task nothing to do after `activeFrom` and between `startsAt` and `endsAt`.
 */
export function checkOccurs(task: TimingSource, activeFrom: number, calendar: Calendar): Result<null> {
  if ('manual' in task.schedule) return ok(null);
  const timing = timingOf(0, task, activeFrom, calendar);
  if (timing !== null && nextOccurrence(timing, activeFrom) !== null) return ok(null);
  return { ok: false, errors: nothingLeft(task) };
}

/** The fault of a task that has no occurrence to come. */
export function nothingLeft(task: TimingSource): FieldError[] {
  return task.endsAt === null
    ? [{ pointer: '#/schedule', detail: 'the schedule has no instant left' }]
    : [{ pointer: '#/endsAt', detail: 'the schedule has no instant left before endsAt' }];
}

/**
 * When a new or changed task's occurrences begin: now, but a single instant just past, within its grace, still counts.
 */
export function activeFromFor(schedule: Schedule, now: number): number {
  const at = 'at' in schedule ? parseInstant(schedule.at) : null;
  return at === null ? now : Math.min(now, at - 1);
}

/** Whether a change from one definition to the other changes when the task is due. */
export function changesTiming(before: TimingSource, after: TimingSource): boolean {
  const timing = ({ schedule, startsAt, endsAt, jitter }: TimingSource) => ({ schedule, startsAt, endsAt, jitter });
  return !isDeepStrictEqual(timing(before), timing(after));
}

/** The members of a partial object that were really given: null stands for absent. */
function given<T extends object>(partial: T | null | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(partial ?? {}).filter(([, value]) => value !== null && value !== undefined),
  ) as Partial<T>;
}
