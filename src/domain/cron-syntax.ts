/** The cron patterns that are accepted: a strict grammar, and errors that say what to write instead. */

import type { Result } from '../errors.ts';
import { ok } from '../errors.ts';
import type { YearRange } from './cron-years.ts';

/** A pattern as it is computed with. */
export type CronPattern = {
  /** Six fields, seconds first, `?` written as `*`, names in capitals: ready for croner. */
  fields: string;
  /** The seventh field; null for any year. */
  years: YearRange[] | null;
  /** Neither day field restricts anything. */
  everyDay: boolean;
  /** Day-of-month and day-of-week must both match; else either. */
  bothDays: boolean;
  /** Hour or minute begins with `*`: the pattern follows real time through changes of the clock (Vixie cron). */
  followsRealTime: boolean;
};

type Field = {
  name: string;
  least: number;
  most: number;
  names?: readonly string[];
  /** What is neither a value nor a range, in capitals. */
  special?: RegExp;
};

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const second: Field = { name: 'second', least: 0, most: 59 };
const minute: Field = { name: 'minute', least: 0, most: 59 };
const hour: Field = { name: 'hour', least: 0, most: 23 };
const day: Field = { name: 'day of month', least: 1, most: 31, special: /^(?:L|LW|(?:[1-9]|[12]\d|3[01])W)$/ };
const month: Field = { name: 'month', least: 1, most: 12, names: monthNames };
const weekday: Field = {
  name: 'day of week',
  least: 0,
  most: 7,
  names: dayNames,
  special: /^(?:[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(?:#[1-5]|L)$/,
};
const year: Field = { name: 'year', least: 1970, most: 9999 };

const nicknames: Record<string, string> = {
  '@yearly': '0 0 0 1 1 *',
  '@annually': '0 0 0 1 1 *',
  '@monthly': '0 0 0 1 * *',
  '@weekly': '0 0 0 * * 0',
  '@daily': '0 0 0 * * *',
  '@midnight': '0 0 0 * * *',
  '@hourly': '0 0 * * * *',
};

/** The pattern without outer and repeated blanks, as it is echoed. */
export function canonicalCron(text: string): string {
  return text.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');
}

/** Reads a canonical pattern of 5, 6 (seconds first) or 7 (year last) fields or a nickname; errors are sentences. */
export function readCron(text: string): Result<CronPattern, string> {
  if (text.startsWith('@')) {
    const fields = nicknames[text];
    if (fields !== undefined) return ok(patternOf(fields.split(' ')));
    if (text.startsWith('@every')) return refuse('a fixed rate is not cron: write {"every": "5m"}');
    return refuse(`"${text}" is none of ${Object.keys(nicknames).join(', ')}`);
  }
  if (/^(?:CRON_)?TZ=/.test(text)) return refuse('the zone belongs into "timezone", not into the pattern');
  if (/^cron\(/i.test(text))
    return refuse('write the pattern without "cron(…)"; six fields begin with seconds, a year is the last of seven');
  if (/^(?:every\b|\d+ ?[a-z]+$)/i.test(text)) return refuse('a fixed rate is not cron: write {"every": "5m"}');
  const parts = text === '' ? [] : text.split(' ');
  if (parts.length < 5 || parts.length > 7)
    return refuse(
      `"${text}" has ${parts.length} field${parts.length === 1 ? '' : 's'}; there must be 5, 6 (seconds first) or 7 (year last)`,
    );
  const fields = parts.length === 5 ? ['0', ...parts] : parts;
  for (const [place, field] of [second, minute, hour, day, month, weekday, year].slice(0, fields.length).entries()) {
    const fault = faultIn(fields[place] as string, field);
    if (fault !== null) return refuse(fault);
  }
  return ok(patternOf(fields));
}

/** The pattern of six or seven valid fields. */
function patternOf(fields: string[]): CronPattern {
  const [, minutes = '', hours = '', days = '', , weekdays = '', years = '*'] = fields;
  const written = fields.slice(0, 6).map((text) => text.replace(/^\+/, '').replace('?', '*').toUpperCase());
  return {
    fields: written.join(' '),
    years: years === '*' ? null : years.split(',').map(yearRangeOf),
    everyDay: written[3] === '*' && written[5] === '*',
    // Vixie cron: either day field may be met when both are restricted, both must be when one begins with an asterisk.
    bothDays: /^[*?]/.test(days) || /^[*?+]/.test(weekdays),
    followsRealTime: minutes.startsWith('*') || hours.startsWith('*'),
  };
}

/** Steps over all years count from year 0, so that a step of 4 gives the leap years. */
function yearRangeOf(item: string): YearRange {
  const [range = '', step = '1'] = item.split('/');
  const [from = '', to = from] = range.split('-');
  const every = Number(step);
  if (range !== '*') return { from: Number(from), to: Number(to), step: every };
  return { from: Math.ceil(year.least / every) * every, to: year.most, step: every };
}

function refuse(sentence: string): { ok: false; errors: string } {
  return { ok: false, errors: sentence };
}

/** What is wrong with one field, or null. */
function faultIn(text: string, field: Field): string | null {
  const body = field === weekday && text.startsWith('+') ? text.slice(1) : text;
  if (text.startsWith('+') && field !== weekday) return `${field.name}: "+" may only stand before the day of week`;
  if (body === '?' && (field === day || field === weekday)) return null;
  if (body === '') return `${field.name}: nothing stands after "+"`;
  const items = body.split(',');
  if (items.length > 1 && items.includes('')) return `${field.name}: "" is incomplete, an empty place in "${body}"`;
  // croner takes a day field as unrestricted then, whatever else is in the list.
  if (items.length > 1 && items.includes('*'))
    return `${field.name}: "${body}" lists "*", which is every value; write "*" alone`;
  if (items.length > 1 && items.includes('LW'))
    return `${field.name}: LW, the last working day, cannot be part of a list`;
  for (const item of items) {
    const fault = faultInItem(item, field);
    if (fault !== null) return `${field.name}: ${fault}`;
  }
  return null;
}

function faultInItem(item: string, field: Field): string | null {
  if (field.special?.test(item.toUpperCase()))
    return /^l|[lw]$/.test(item) ? `"${item}": L and W are written in capitals` : null;
  const [range = '', step, ...more] = item.split('/');
  if (more.length > 0) return `"${item}" has more than one step`;
  if (step !== undefined) {
    const span = field.most - field.least + (field === weekday ? 0 : 1);
    if (!/^\d{1,4}$/.test(step) || Number(step) === 0)
      return `"${item}": the step must be a whole number of at least 1`;
    if (Number(step) > span) return `"${item}": a step of ${step} is larger than the range`;
    if (range === '') return `"${item}": a step needs a range, such as "*/${step}"`;
    if (!range.includes('-') && range !== '*')
      return `"${item}": a step needs a range; write "${range === String(field.least) ? `*/${step}` : `${range}-${field.most}/${step}`}"`;
  }
  if (range === '*') return null;
  const bounds = range.split('-');
  if (bounds.length > 2) return `"${item}" is not a value or a range`;
  const numbers = bounds.map((bound) => numberOf(bound, field));
  for (const [place, value] of numbers.entries()) {
    if (value === null) return hintFor(item, bounds[place] as string, field);
    if (value < field.least || value > field.most) return outOfRange(String(value), field);
  }
  const [from, to] = numbers as [number, number?];
  if (field === weekday && /^sun$/i.test(bounds[1] ?? ''))
    return `"${range}" ends with SUN, which is 0 and 7; write "${bounds[0]}-7"`;
  if (to !== undefined && to < from)
    return `"${range}" runs backwards${step === undefined ? wrapped(from, to, field) : ''}`;
  return null;
}

/** The number that a value or name stands for; NaN-free: null when it is neither. */
function numberOf(text: string, { names, least }: Field): number | null {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  const place = names?.indexOf(text.toUpperCase()) ?? -1;
  return place < 0 ? null : place + least;
}

/** What to write instead of a range over the end of the field, such as 22-2 among the hours. */
function wrapped(from: number, to: number, field: Field): string {
  if (field === year) return '';
  const part = (a: number, b: number) => (a === b ? `${a}` : `${a}-${b}`);
  if (field === weekday && from === 7) return `; write "${part(0, to)}"`;
  if (field === weekday && to === 0) return `; write "${from}-7"`;
  return `; write "${part(from, field === weekday ? 6 : field.most)},${part(field.least, to)}"`;
}

function outOfRange(value: string, field: Field): string {
  const meant = field === weekday && value.length === 4 ? '; a year is the last of seven fields, seconds first' : '';
  return `${value} is out of range ${field.least}–${field.most}${meant}`;
}

function hintFor(item: string, value: string, field: Field): string {
  if (value === '') return `"${item}" is incomplete`;
  if (/^\d+$/.test(value)) return outOfRange(value, field);
  if (value === '?') {
    if (field === day || field === weekday) return '"?" stands alone';
    return '"?" may only stand for a day; a pattern of six fields begins with seconds';
  }
  if (value === 'H') return '"H" is not known here; the task\'s "jitter" spreads starts';
  if (field === weekday && /^\w+#\d*$/.test(item)) return `"${item}": the number after # must be 1 to 5`;
  if (field === weekday && /#/.test(item)) return `"${item}": one day, #, and a number from 1 to 5, such as "MON#1"`;
  if (field === weekday && /^L$/i.test(item)) return '"L" needs a day of the week before it, such as "5L"';
  if (field === day && /^L-/.test(item)) return `"${item}": days counted from the last one are not supported`;
  if (field === day && /W/.test(item)) return `"${item}": W takes a single day from 1 to 31`;
  const named = value.slice(0, 3).toUpperCase();
  if (field.names?.includes(named)) return `"${value}": names have three letters, such as "${named}"`;
  if (dayNames.includes(named)) return `"${value}" is a day of the week: that is the field after the month`;
  if (monthNames.includes(named)) return `"${value}" is a month: that is the field before the day of the week`;
  return `"${item}" is not a value, a range or a list of them`;
}
