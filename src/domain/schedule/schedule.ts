/** Schedules: read from a client's input, stored in one canonical form, asked for the next instant. */

import { type FieldError, fault, ok, type Result } from '../../errors.ts';
import { formatDuration, isRewritten, parseDuration, readDuration } from '../input/duration.ts';
import { formatInstant, latestInstant, parseInstant, parseLocalTime } from '../input/instant.ts';
import { unknownField } from '../input/nearest.ts';
import type { Warn } from '../input/warning.ts';
import type { Calendar, CompiledCron } from './calendar.ts';
import { adviseOnCron } from './cron/advice.ts';
import { longestCron } from './cron/fields.ts';
import { isCron, refusalOf, refusalOfLong } from './cron/hints.ts';
import { rewriteCron, withoutBlanks } from './cron/rewrite.ts';
import { unknownZone, zoneNamed } from './zones/zone.ts';

/** The canonical long form, which is stored and echoed. */
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

export type ScheduleContext = {
  /** Epoch milliseconds. */
  now: number;
  /** An instant further back than this is refused. */
  graceMs: number;
  /** The task whose schedule it is, which `H` depends on; null or absent where none is known. */
  taskId?: string | null;
  /** Takes warnings: of inputs that were rewritten, and of inputs that are probably not meant. */
  warn?: Warn;
};

const leastRateMs = 100;
const longestZone = 64;
const forms = ['cron', 'every', 'at', 'delay', 'manual'] as const;
const mostErrors = 10;
const members = [...forms, 'timezone', 'anchor'];

type Reading = Required<ScheduleContext> & { calendar: Calendar };

/** The canonical schedule of a client's input, shorthands included, or its faults. Never throws. */
export function readSchedule(input: unknown, context: ScheduleContext, calendar: Calendar): Result<Schedule> {
  const { now, graceMs, taskId = null, warn = () => {} } = context;
  const reading = { now, graceMs, taskId, warn, calendar };
  if (typeof input === 'string') {
    // A shorthand has no members to point to.
    const read = readForm(longFormOf(input, warn), {
      ...reading,
      warn: (code, _, detail) => warn(code, '#/schedule', detail),
    });
    return read.ok ? read : { ok: false, errors: read.errors.map(({ detail }) => ({ pointer: '#/schedule', detail })) };
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    return fault('#/schedule', 'must be text or an object such as {"cron": "0 2 * * *"}');
  return readForm(input as Record<string, unknown>, reading);
}

function longFormOf(text: string, warn: Warn): Record<string, unknown> {
  if (text.length > longestCron) return { cron: text };
  const tidy = withoutBlanks(text);
  if (tidy.startsWith('@every ')) {
    if (tidy !== text) warn('blanks_removed', '#/schedule', `read as "${tidy}"`);
    return { every: tidy.slice(7) };
  }
  // No cron field looks like a date: a text that begins like one is meant as an instant.
  if (/^\d{4}-\d\d-\d\d/.test(tidy)) return { at: text };
  return { cron: text };
}

function readForm(input: Record<string, unknown>, reading: Reading): Result<Schedule> {
  const given = (name: string) => input[name] !== undefined && input[name] !== null;
  const unknown = Object.keys(input).filter((name) => !members.includes(name));
  if (unknown.length > 0)
    return { ok: false, errors: unknown.slice(0, mostErrors).map((name) => error(name, unknownField(name, members))) };
  const named = forms.filter(given);
  if (named.length !== 1)
    return fault(
      '#/schedule',
      `must have exactly one of ${forms.join(', ')}${named.length > 1 ? `, not ${named.join(' and ')}` : ''}`,
    );
  const [form] = named as [(typeof forms)[number]];
  if (given('timezone') && form !== 'cron' && form !== 'at')
    return failed('timezone', 'belongs to "cron" only, and to "at" with a local time');
  if (given('anchor') && form !== 'every') return failed('anchor', 'belongs to "every" only');
  if (form === 'manual') return input.manual === true ? ok({ manual: true }) : failed('manual', 'must be true');
  const value = input[form];
  if (typeof value !== 'string') return failed(form, 'must be text');
  if (value.length > longestCron) return failed(form, refusalOfLong(value));
  const zone = given('timezone') ? readZone(input.timezone, reading) : ok(null);
  if (!zone.ok) return zone;
  if (form === 'cron') return readCronForm(value, zone.value, reading);
  const text = tidied(form, value, reading);
  switch (form) {
    case 'every':
      return readEvery(text, input.anchor ?? formatInstant(reading.now), reading);
    case 'at':
      return readAt(text, zone.value, reading);
    default:
      return readDelay(text, reading);
  }
}

function tidied(member: string, text: string, { warn }: Reading): string {
  const tidy = withoutBlanks(text);
  if (tidy !== text) warn('blanks_removed', `#/schedule/${member}`, `read as "${tidy}"`);
  return tidy;
}

/** A zone's name as it is stored. */
function readZone(given: unknown, reading: Reading): Result<string> {
  if (typeof given !== 'string' || given.length > longestZone)
    return failed('timezone', 'must be the IANA name of a time zone, such as "Europe/Berlin"');
  const name = tidied('timezone', given, reading);
  return zoneNamed(name) === null ? failed('timezone', unknownZone(name)) : ok(name);
}

function readCronForm(text: string, timezone: string | null, reading: Reading): Result<Schedule> {
  const { now, taskId, calendar } = reading;
  const warn = (code: Parameters<Warn>[0], detail: string) => reading.warn(code, '#/schedule/cron', detail);
  const { cron, zone } = rewriteCron(text, { taskId, warn });
  if (zone !== null && timezone !== null && zone.toLowerCase() !== timezone.toLowerCase())
    return failed('timezone', `is "${timezone}", but "${zone}" stands before the pattern; give one of them`);
  if (zone !== null && (zone.length > longestZone || zoneNamed(zone) === null))
    return failed('cron', unknownZone(zone.slice(0, longestZone)));
  const written = { cron, timezone: timezone ?? zone ?? 'UTC' };
  const compiled = calendar.compile(written.cron, written.timezone);
  if (!compiled.ok)
    return {
      ok: false,
      errors: compiled.errors.map(({ pointer, detail }) =>
        error(pointer.slice(2), pointer === '#/cron' ? refusalOf(text, detail) : detail),
      ),
    };
  if (cron.length > longestCron)
    return failed('cron', `is too long when it is written out: at most ${longestCron} characters`);
  const first = compiled.value.next(now);
  if (first === null) return failed('cron', `"${cron}" can never fire: there is no such date to come`);
  adviseOnCron(written, compiled.value, first, reading);
  return ok(written);
}

function readEvery(text: string, anchor: unknown, { warn }: Reading): Result<Schedule> {
  const read = readDuration(text);
  if (!read.ok) return failed('every', refusedRate(text, read.errors));
  const every = formatDuration(read.value);
  if (read.value < leastRateMs) return failed('every', `must be at least ${formatDuration(leastRateMs)}, not ${every}`);
  const from = typeof anchor === 'string' ? parseInstant(withoutBlanks(anchor)) : null;
  if (from === null) return failed('anchor', 'must be an RFC 3339 instant such as "2026-12-01T09:00:00Z"');
  if (isRewritten(text)) warn('duration_written_out', '#/schedule/every', `"${text}" is written as "${every}"`);
  return ok({ every, anchor: formatInstant(from) });
}

function refusedRate(text: string, fault: string): string {
  const plain = text.replace(/^@?every /i, '');
  if (plain !== text && parseDuration(plain) !== null) return `${fault}; write "${plain}"`;
  return isCron(text) ? `"${text}" is a cron pattern; write {"cron": "${text}"}` : fault;
}

function readAt(text: string, timezone: string | null, { now, graceMs, calendar, warn }: Reading): Result<Schedule> {
  let at = parseInstant(text);
  if (at !== null && timezone !== null)
    return failed('timezone', 'belongs to a local time, without offset: "at" says already which instant it is');
  if (at === null) {
    const wall = parseLocalTime(text);
    if (wall === null) return failed('at', noInstant(text));
    if (timezone === null)
      return failed('at', `"${text}" has no offset: end it with Z or with one such as +01:00, or give its "timezone"`);
    const local = calendar.resolve(wall, timezone);
    if (local === null || local.instant < 0 || local.instant > latestInstant) return failed('at', noInstant(text));
    at = local.instant;
    const told = `"${text}" in ${timezone} is ${formatInstant(at)}`;
    warn('local_time_resolved', '#/schedule/at', told);
    if (local.kind === 'skipped')
      warn(
        'local_time_skipped',
        '#/schedule/at',
        `${told}: the clock leaves this time out, it is the first one after it`,
      );
    if (local.kind === 'repeated')
      warn('local_time_repeated', '#/schedule/at', `${told}: this time comes twice, it is the first one`);
  }
  if (at < now - graceMs)
    return failed('at', `${formatInstant(at)} has passed, by more than the grace of ${formatDuration(graceMs)}`);
  return ok({ at: formatInstant(at) });
}

function noInstant(text: string): string {
  const shown = `"${text.slice(0, 40)}"`;
  if (parseDuration(text) !== null) return `${shown} is a duration; write {"delay": "${text}"}`;
  if (isCron(text)) return `${shown} is a cron pattern; write {"cron": "${text}"}`;
  const spaced = text.replace(/^(\S{10}) (\S)/, '$1T$2');
  const meant = spaced !== text && (parseInstant(spaced) !== null || parseLocalTime(spaced) !== null);
  return `${shown} is not an RFC 3339 instant such as "2026-12-01T09:00:00Z"${meant ? `; write "${spaced}"` : ''}`;
}

function readDelay(text: string, { now, warn }: Reading): Result<Schedule> {
  const read = readDuration(text);
  if (!read.ok) return failed('delay', read.errors);
  if (isRewritten(text)) warn('duration_written_out', '#/schedule/delay', `"${text}" is ${formatDuration(read.value)}`);
  return ok({ at: formatInstant(now + read.value) });
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

/** Whether its instants depend on time zone data. */
export function isZoned(schedule: CompiledSchedule): boolean {
  return schedule.kind === 'cron' && schedule.cron.zoned;
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

/** All instants strictly after `after` (epoch milliseconds), each computed when it is asked for. */
export function* instantsAfter(schedule: CompiledSchedule, after: number): Generator<number, void> {
  for (let at = nextInstant(schedule, after); at !== null; at = nextInstant(schedule, at)) yield at;
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
