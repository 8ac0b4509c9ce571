/** Schedules: read at the door, echoed in one canonical form, asked for the next instant. */

import { type FieldError, fault, ok, type Result } from '../errors.ts';
import type { Calendar, CompiledCron } from './calendar.ts';
import { canonicalCron } from './cron-syntax.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { formatInstant, latestInstant, parseInstant } from './instant.ts';

/** The canonical long form: what is stored and echoed. */
export type Schedule =
  | { cron: string; timezone: string }
  | { every: string; anchor: string }
  | { at: string }
  | { manual: true };

/** A schedule ready to compute with. Instants and durations in (epoch) milliseconds. */
export type CompiledSchedule =
  | { kind: 'cron'; cron: CompiledCron }
  | { kind: 'every'; everyMs: number; anchorMs: number }
  | { kind: 'at'; atMs: number }
  | { kind: 'manual' };

/** `now` in epoch milliseconds; an instant further back than `graceMs` is refused. */
export type ScheduleContext = { now: number; graceMs: number };

const leastRateMs = 100;
const longestCron = 256;
const longestZone = 64;
const forms = ['cron', 'every', 'at', 'delay', 'manual'] as const;
const mostErrors = 10;
const members = [...forms, 'timezone', 'anchor'];

/** The canonical schedule for what a client sent, shorthands included, or its faults. Never throws. */
export function readSchedule(input: unknown, context: ScheduleContext, calendar: Calendar): Result<Schedule> {
  if (typeof input === 'string') {
    const read = readForm(longFormOf(input), context, calendar);
    // A shorthand has no members to point to.
    return read.ok ? read : { ok: false, errors: read.errors.map(({ detail }) => ({ pointer: '#/schedule', detail })) };
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return fault('#/schedule', 'must be text or an object such as {"cron": "0 2 * * *"}');
  return readForm(input as Record<string, unknown>, context, calendar);
}

function longFormOf(text: string): Record<string, unknown> {
  if (text.length > longestCron) return { cron: text };
  const trimmed = canonicalCron(text);
  if (trimmed.startsWith('@every ')) return { every: trimmed.slice(7) };
  // No cron field looks like a date: whatever begins like one is meant as an instant.
  if (/^\d{4}-\d\d-\d\d/.test(trimmed)) return { at: trimmed };
  return { cron: trimmed };
}

function readForm(input: Record<string, unknown>, context: ScheduleContext, calendar: Calendar): Result<Schedule> {
  const given = (name: string) => input[name] !== undefined && input[name] !== null;
  const unknown = Object.keys(input).filter((name) => !members.includes(name));
  if (unknown.length > 0)
    return { ok: false, errors: unknown.slice(0, mostErrors).map((name) => error(name, 'is not a known field')) };
  const named = forms.filter(given);
  if (named.length !== 1)
    return fault(
      '#/schedule',
      `must have exactly one of ${forms.join(', ')}${named.length > 1 ? `, not ${named.join(' and ')}` : ''}`,
    );
  const [form] = named as [(typeof forms)[number]];
  if (given('timezone') && form !== 'cron') return failed('timezone', 'belongs to "cron" only');
  if (given('anchor') && form !== 'every') return failed('anchor', 'belongs to "every" only');
  if (form === 'manual') return input.manual === true ? ok({ manual: true }) : failed('manual', 'must be true');
  const value = input[form];
  if (typeof value !== 'string') return failed(form, 'must be text');
  switch (form) {
    case 'cron':
      return readCronForm(value, input.timezone ?? 'UTC', context, calendar);
    case 'every':
      return readEvery(value, input.anchor ?? formatInstant(context.now));
    case 'at':
      return readAt(value, context);
    default:
      return readDelay(value, context);
  }
}

function readCronForm(text: string, timezone: unknown, context: ScheduleContext, calendar: Calendar): Result<Schedule> {
  if (text.length > longestCron) return failed('cron', `must be at most ${longestCron} characters long`);
  if (typeof timezone !== 'string' || timezone.length > longestZone)
    return failed('timezone', 'must be the IANA name of a time zone, such as "Europe/Berlin"');
  const cron = canonicalCron(text);
  const compiled = calendar.compile(cron, timezone);
  if (!compiled.ok)
    return { ok: false, errors: compiled.errors.map(({ pointer, detail }) => error(pointer.slice(2), detail)) };
  if (compiled.value.next(context.now) === null)
    return failed('cron', `"${cron}" can never fire: there is no such date to come`);
  return ok({ cron, timezone });
}

function readEvery(text: string, anchor: unknown): Result<Schedule> {
  const every = parseDuration(text);
  if (every === null) return failed('every', `"${text.slice(0, 40)}" is not a duration such as "30s" or "1h30m"`);
  if (every < leastRateMs)
    return failed('every', `must be at least ${formatDuration(leastRateMs)}, not ${formatDuration(every)}`);
  const from = typeof anchor === 'string' ? parseInstant(anchor) : null;
  if (from === null) return failed('anchor', 'must be an RFC 3339 instant such as "2026-12-01T09:00:00Z"');
  return ok({ every: formatDuration(every), anchor: formatInstant(from) });
}

function readAt(text: string, { now, graceMs }: ScheduleContext): Result<Schedule> {
  const at = parseInstant(text);
  if (at === null)
    return failed('at', `"${text.slice(0, 40)}" is not an RFC 3339 instant such as "2026-12-01T09:00:00Z"`);
  if (at < now - graceMs)
    return failed('at', `${formatInstant(at)} has passed, by more than the grace of ${formatDuration(graceMs)}`);
  return ok({ at: formatInstant(at) });
}

function readDelay(text: string, { now }: ScheduleContext): Result<Schedule> {
  const delay = parseDuration(text);
  if (delay === null) return failed('delay', `"${text.slice(0, 40)}" is not a duration such as "10m"`);
  return ok({ at: formatInstant(now + delay) });
}

function error(member: string, detail: string): FieldError {
  // RFC 6901 §3 and §6; half a surrogate pair has no encoding.
  const part = member
    .replace(/\p{Cs}/gu, '\uFFFD')
    .replaceAll('~', '~0')
    .replaceAll('/', '~1');
  return { pointer: `#/schedule/${encodeURIComponent(part)}`, detail };
}

function failed(member: string, detail: string): { ok: false; errors: FieldError[] } {
  return { ok: false, errors: [error(member, detail)] };
}

/**
 * Makes a stored schedule ready to compute with. Null when this system no longer knows it: its time zone went away with
 * another version of the zone data.
 */
export function compileSchedule(schedule: Schedule, calendar: Calendar): CompiledSchedule | null {
  if ('cron' in schedule) {
    const compiled = calendar.compile(schedule.cron, schedule.timezone);
    return compiled.ok ? { kind: 'cron', cron: compiled.value } : null;
  }
  if ('every' in schedule) {
    const [everyMs, anchorMs] = [parseDuration(schedule.every), parseInstant(schedule.anchor)];
    return everyMs === null || anchorMs === null ? null : { kind: 'every', everyMs, anchorMs };
  }
  if ('at' in schedule) {
    const atMs = parseInstant(schedule.at);
    return atMs === null ? null : { kind: 'at', atMs };
  }
  return { kind: 'manual' };
}

/** The first instant strictly after `after` (epoch milliseconds), or null. The one function behind all others. */
export function nextInstant(schedule: CompiledSchedule, after: number): number | null {
  switch (schedule.kind) {
    case 'cron':
      return schedule.cron.next(after);
    case 'every': {
      const { everyMs, anchorMs } = schedule;
      if (after < anchorMs) return anchorMs;
      // The remainder of integers is exact, so no rate drifts.
      const next = after - ((after - anchorMs) % everyMs) + everyMs;
      return next > latestInstant ? null : next;
    }
    case 'at':
      return schedule.atMs > after ? schedule.atMs : null;
    case 'manual':
      return null;
  }
}

/** How many instants `nextInstant` gives in (after, upTo] (epoch milliseconds), without going through them. */
export function countInstants(schedule: CompiledSchedule, after: number, upTo: number): number {
  if (upTo <= after) return 0;
  switch (schedule.kind) {
    case 'cron':
      return schedule.cron.count(after, upTo);
    case 'every': {
      const { everyMs, anchorMs } = schedule;
      const until = (instant: number) =>
        instant < anchorMs ? 0 : Math.floor((Math.min(instant, latestInstant) - anchorMs) / everyMs) + 1;
      return until(upTo) - until(after);
    }
    case 'at':
      return schedule.atMs > after && schedule.atMs <= upTo ? 1 : 0;
    case 'manual':
      return 0;
  }
}
