/**
 * Rewrites the notations that other systems allow in a cron pattern to the one form that is stored, with a warning for
 * each change.
 */

import { createHash } from 'node:crypto';
import type { WarningCode } from '../../input/warning.ts';
import { day, dayNames, type Field, fieldsOf, lastOf, numberOf, sizeOf, weekday, year } from './fields.ts';

export type Rewriting = {
  /** The task's id, which `H` depends on; null where no task is known. */
  taskId: string | null;
  warn: (code: WarningCode, detail: string) => void;
};

/** Outer blanks of any kind, and zero-width ones that come along when text is copied. */
const outer = /^[\s\u200b]+|[\s\u200b]+$/g;

/**
 * The text without outer blanks, and with one blank for several inside. A no-break space inside stays: it is refused.
 */
export function withoutBlanks(text: string): string {
  return text.replace(outer, '').replace(/[ \t\r\n]+/g, ' ');
}

/**
 * The pattern as it is stored, and the zone that stood before it. Unknown parts stay as they are: `readCron` names
 * their faults.
 */
export function rewriteCron(text: string, rewriting: Rewriting): { cron: string; zone: string | null } {
  const tidy = withoutBlanks(text);
  if (tidy !== text) rewriting.warn('blanks_removed', `read as "${tidy}"`);
  const [, , zone = null, rest = tidy] = /^(?:CRON_)?TZ=(["']?)([^\s"']+)\1 (.+)$/.exec(tidy) ?? [];
  if (zone !== null) rewriting.warn('zone_moved', `the zone "${zone}" before the pattern is the schedule's timezone`);
  const parts = rest.split(' ');
  const fields = fieldsOf(parts);
  if (rest.startsWith('@') || fields === undefined) return { cron: rest, zone };
  const written = parts.map((part, place) => rewritePart(part, fields[place] as Field, rewriting));
  return { cron: written.join(' '), zone };
}

function rewritePart(part: string, field: Field, rewriting: Rewriting): string {
  const sign = field === weekday && part.startsWith('+') ? '+' : '';
  const items = part.slice(sign.length).split(',');
  return sign + items.map((item) => rewriteItem(item, field, rewriting)).join(',');
}

function rewriteItem(item: string, field: Field, rewriting: Rewriting): string {
  if (item.startsWith('H')) return resolveHash(item, field, rewriting);
  const told = (code: WarningCode, written: string) => {
    rewriting.warn(code, `${field.name}: "${item}" is read as "${written}"`);
    return written;
  };
  if (field === day && item === 'L-0') return told('last_weekday_written_out', 'L');
  const [, last] = /^(\w+)#L$/.exec(item) ?? [];
  if (field === weekday && last !== undefined && isValue(last, field))
    return told('last_weekday_written_out', `${last}L`);
  const [range = '', stepText, ...more] = item.split('/');
  const step = stepText === undefined ? 1 : stepOf(stepText, field);
  const [from = '', to, ...others] = range.split('-');
  if (step === null || more.length > 0 || others.length > 0 || !isValue(from, field)) return item;
  if (to === undefined) return stepText === undefined ? item : told('step_written_out', fromValue(from, step, field));
  // SUN is 0 and 7, so the client has to say which of them ends a range.
  if (!isValue(to, field) || field === year || (field === weekday && to.toUpperCase() === 'SUN')) return item;
  if (numberIn(to, field) >= numberIn(from, field)) return item;
  return told('range_wrapped', wrapped(from, to, step, field));
}

/** Quartz's `N/step`: from N to the end of the field. */
function fromValue(text: string, step: number, field: Field): string {
  const from = ringValue(text, field);
  const shown = nameIn(text, field);
  if (from === lastOf(field)) return shown(from);
  return `${shown(from)}-${shown(lastOf(field))}/${step}`;
}

/** A range over the end of the field, as one up to the end and one from the beginning; a step goes on across. */
function wrapped(fromText: string, toText: string, step: number, field: Field): string {
  const from = ringValue(fromText, field);
  const to = numberIn(toText, field);
  const shown = isName(fromText) || isName(toText) ? nameIn('name', field) : String;
  const end = to < from ? to + sizeOf(field) : to;
  const values = Array.from({ length: Math.floor((end - from) / step) + 1 }, (_, place) => from + place * step);
  const before = values.filter((value) => value <= lastOf(field));
  const after = values.filter((value) => value > lastOf(field)).map((value) => value - sizeOf(field));
  return [before, after]
    .filter((part) => part.length > 0)
    .map((part) => listed(part, step, shown))
    .join(',');
}

/** Values at equal distances as a cron field writes them. */
function listed(values: readonly number[], step: number, shown: (value: number) => string): string {
  const [first, last] = [values[0] as number, values[values.length - 1] as number];
  if (values.length === 1) return shown(first);
  if (step === 1) return `${shown(first)}-${shown(last)}`;
  return values.length === 2 ? `${shown(first)},${shown(last)}` : `${shown(first)}-${shown(last)}/${step}`;
}

/** Every month has the days of the month that Jenkins takes for `H`. */
const lastHashedDay = 28;

/**
 * `H`, `H/15`, `H(0-29)`, `H(0-29)/10` as in Jenkins: a value that depends on the task's id alone, another in each
 * field.
 */
function resolveHash(item: string, field: Field, { taskId, warn }: Rewriting): string {
  const [, from, to, stepText] = /^H(?:\((\w+)-(\w+)\))?(?:\/(\d+))?$/.exec(item) ?? [];
  if (!/^H(?:$|[(/])/.test(item) || field === year) return item;
  const step = stepText === undefined ? null : stepOf(stepText, field);
  const least = from === undefined ? field.least : numberOf(from, field);
  const most = to === undefined ? (field === day ? lastHashedDay : lastOf(field)) : numberOf(to, field);
  const known = item === 'H' || from !== undefined || stepText !== undefined;
  if (!known || least === null || most === null || (stepText !== undefined && step === null)) return item;
  if (least < field.least || most > lastOf(field) || most < least) return item;
  const start = least + (hashOf(taskId ?? '', field) % Math.min(step ?? Infinity, most - least + 1));
  const written = step === null || start + step > most ? String(start) : `${start}-${most}/${step}`;
  warn('hash_resolved', `${field.name}: "${item}" is "${written}" for this task's id`);
  if (taskId === null) warn('hash_without_id', `${field.name}: send the task's "id" to see what "${item}" is for it`);
  return written;
}

function hashOf(taskId: string, field: Field): number {
  return createHash('sha256').update(`${field.name}\n${taskId}`).digest().readUInt32BE();
}

/** A step that the field allows, or null. */
function stepOf(text: string, field: Field): number | null {
  const step = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return step >= 1 && step <= sizeOf(field) ? step : null;
}

function isValue(text: string, field: Field): boolean {
  const value = numberOf(text, field);
  return value !== null && value >= field.least && value <= field.most;
}

const numberIn = (text: string, field: Field) => numberOf(text, field) as number;
/** Both numbers of Sunday are the same day. */
const ringValue = (text: string, field: Field) =>
  field === weekday ? numberIn(text, field) % 7 : numberIn(text, field);
const isName = (text: string) => /^[a-z]/i.test(text);

/** Writes values of the field by name where the text is one. */
function nameIn(text: string, field: Field): (value: number) => string {
  const names = field === weekday ? dayNames : field.names;
  return isName(text) && names ? (value) => names[value - field.least] as string : String;
}
