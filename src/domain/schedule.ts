/** stub */
import { fault, ok, type Result } from '../errors.ts';
import type { Calendar } from './calendar.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { formatInstant, parseInstant } from './instant.ts';
export type Schedule =
  | { cron: string; timezone: string }
  | { every: string; anchor: string }
  | { at: string }
  | { manual: true };
export type CompiledSchedule =
  | { kind: 'cron'; expression: string; timezone: string }
  | { kind: 'every'; everyMs: number; anchorMs: number }
  | { kind: 'at'; atMs: number }
  | { kind: 'manual' };
export function readSchedule(input: any, c: { now: number; graceMs: number }, calendar: Calendar): Result<Schedule> {
  if (typeof input === 'string') {
    if (input.startsWith('@every ')) input = { every: input.slice(7) };
    else if (/^\d{4}-/.test(input)) input = { at: input };
    else input = { cron: input };
    const r = readSchedule(input, c, calendar);
    return r.ok ? r : fault('#/schedule', r.errors[0]!.detail);
  }
  if (input.manual) return ok({ manual: true });
  if (input.every) {
    const ms = parseDuration(input.every);
    if (ms === null || ms < 100) return fault('#/schedule/every', 'bad');
    return ok({ every: formatDuration(ms), anchor: formatInstant(input.anchor ? parseInstant(input.anchor)! : c.now) });
  }
  if (input.delay) return ok({ at: formatInstant(c.now + parseDuration(input.delay)!) });
  if (input.at) {
    const t = parseInstant(input.at)!;
    if (t < c.now - c.graceMs) return fault('#/schedule/at', 'too old');
    return ok({ at: formatInstant(t) });
  }
  if (!input.cron) return fault('#/schedule', 'needs one');
  try {
    if (calendar.next(input.cron, input.timezone ?? 'UTC', c.now) === null) return fault('#/schedule/cron', 'never');
  } catch {
    return fault('#/schedule/cron', 'bad');
  }
  return ok({ cron: input.cron, timezone: input.timezone ?? 'UTC' });
}
export function compileSchedule(s: Schedule, _c: Calendar): CompiledSchedule {
  if ('cron' in s) return { kind: 'cron', expression: s.cron, timezone: s.timezone };
  if ('every' in s) return { kind: 'every', everyMs: parseDuration(s.every)!, anchorMs: parseInstant(s.anchor)! };
  if ('at' in s) return { kind: 'at', atMs: parseInstant(s.at)! };
  return { kind: 'manual' };
}
export function nextInstant(s: CompiledSchedule, after: number, c: Calendar): number | null {
  if (s.kind === 'cron') return c.next(s.expression, s.timezone, after);
  if (s.kind === 'every')
    return after < s.anchorMs
      ? s.anchorMs
      : s.anchorMs + (Math.floor((after - s.anchorMs) / s.everyMs) + 1) * s.everyMs;
  if (s.kind === 'at') return s.atMs > after ? s.atMs : null;
  return null;
}
