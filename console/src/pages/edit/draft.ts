/** The draft of a task: the JSON that is sent, and the few members that the form shows of it. */

import type { Task } from '../../api/client.ts';

/** The input of a task, as `PUT /tasks/{id}` takes it. */
export type Draft = Record<string, unknown>;

export const emptyDraft: Draft = { id: '', schedule: '', target: { url: '' } };

/** What changes by itself, or cannot be sent back. */
const readOnly = new Set(['version', 'createdAt', 'updatedAt', 'nextRunAt', 'lastRun', 'warnings', 'strip']);

export function draftOf(task: Task): Draft {
  return Object.fromEntries(Object.entries(task).filter(([name, value]) => !readOnly.has(name) && value !== null));
}

/** The schedule in the field of the form, without its zone. */
export function scheduleField(schedule: unknown): string {
  if (typeof schedule === 'string') return schedule;
  const parts = (schedule ?? {}) as Record<string, unknown>;
  if (typeof parts.cron === 'string') return parts.cron;
  if (typeof parts.every === 'string') return `@every ${parts.every}`;
  if (typeof parts.at === 'string') return parts.at;
  if (typeof parts.delay === 'string') return `delay ${parts.delay}`;
  return parts.manual === true ? 'manual' : '';
}

export function zoneField(schedule: unknown): string {
  const zone = (schedule as { timezone?: unknown } | null)?.timezone;
  return typeof zone === 'string' ? zone : '';
}

/** The schedule that the fields stand for. An interval keeps the anchor that it had. */
export function scheduleFrom(text: string, zone: string, before: unknown): unknown {
  const trimmed = text.trim();
  if (trimmed === 'manual') return { manual: true };
  const delay = /^delay\s+(\S+)$/.exec(trimmed)?.[1];
  if (delay !== undefined) return { delay };
  const every = /^@every\s+(\S+)$/.exec(trimmed)?.[1];
  if (every !== undefined) {
    const anchor = (before as { anchor?: unknown } | null)?.anchor;
    return typeof anchor === 'string' ? { every, anchor } : { every };
  }
  if (/^\d{4}-\d\d-\d\d/.test(trimmed)) return zone === '' ? { at: trimmed } : { at: trimmed, timezone: zone };
  return zone === '' ? trimmed : { cron: trimmed, timezone: zone };
}

export function targetOf(draft: Draft): Record<string, unknown> {
  const { target } = draft;
  return typeof target === 'string' ? { url: target } : ((target ?? {}) as Record<string, unknown>);
}

/** Without the members of the form that were left empty. */
export function withoutEmpty(draft: Draft): Draft {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== ''));
}
