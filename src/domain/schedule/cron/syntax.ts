/** The cron patterns that are accepted: a strict grammar, and errors that propose another pattern. */

import type { Result } from '../../../errors.ts';
import { ok } from '../../../errors.ts';
import {
  day,
  dayNames,
  type Field,
  fieldOrder,
  fieldsOf,
  lastOf,
  monthNames,
  nicknames,
  numberOf,
  sizeOf,
  weekday,
  year,
} from './fields.ts';
import type { YearRange } from './years.ts';

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

/** Reads a canonical pattern of 5, 6 (seconds first) or 7 (year last) fields or a nickname; errors are sentences. */
export function readCron(text: string): Result<CronPattern, string> {
  if (text.startsWith('@')) {
    const fields = nicknames[text];
    if (fields !== undefined) return ok(patternOf(fields.split(' ')));
    return refuse(`"${text}" is none of ${Object.keys(nicknames).join(', ')}`);
  }
  const parts = text === '' ? [] : text.split(' ');
  const fields = fieldsOf(parts);
  if (fields === undefined) return refuse(wrongNumber(text, parts.length));
  for (const [place, field] of fields.entries()) {
    const fault = faultIn(parts[place] as string, field);
    if (fault !== null) return refuse(fault);
  }
  return ok(patternOf(parts.length === 5 ? ['0', ...parts] : parts));
}

function wrongNumber(text: string, count: number): string {
  const five = fieldOrder.slice(1, 6).map(({ name }) => name);
  const given = count > 1 && count < 5 ? `: ${five.slice(0, count).join(', ')}; ${five[count]} is missing` : '';
  return (
    `"${text.slice(0, 60)}" has ${count} field${count === 1 ? '' : 's'}${given}; there must be 5 (${five.join(', ')}), ` +
    '6 (second first) or 7 (year last)'
  );
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

/** The fault of one field, or null. */
function faultIn(text: string, field: Field): string | null {
  const body = field === weekday && text.startsWith('+') ? text.slice(1) : text;
  if (text.startsWith('+') && field !== weekday) return `${field.name}: "+" may only stand before the day of week`;
  if (body === '?' && (field === day || field === weekday)) return null;
  if (body === '') return `${field.name}: nothing stands after "+"`;
  const items = body.split(',');
  if (items.length > 1 && items.includes('')) return `${field.name}: "" is incomplete, an empty place in "${body}"`;
  // croner then takes a day field as unrestricted, even if the list holds other values.
  if (items.length > 1 && items.includes('*')) return `${field.name}: "${body}" lists "*", which is every value`;
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
    if (!/^\d{1,4}$/.test(step) || Number(step) === 0)
      return `"${item}": the step must be a whole number of at least 1`;
    if (Number(step) > sizeOf(field))
      return `"${item}": a step of ${step} is larger than the range ${field.least}–${lastOf(field)}`;
    if (range === '' || (!range.includes('-') && range !== '*')) return `"${item}": a step needs a range before it`;
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
  if (field === weekday && /^sun$/i.test(bounds[1] ?? '')) return `"${range}" ends with SUN, which is 0 and 7`;
  return to !== undefined && to < from ? `"${range}" runs backwards` : null;
}

function outOfRange(value: string, field: Field): string {
  const meant = field === weekday && value.length === 4 ? ': a year is the last of seven fields, seconds first' : '';
  return `${value} is out of range ${field.least}–${field.most}${meant}`;
}

function hintFor(item: string, value: string, field: Field): string {
  if (value === '') return `"${item}" is incomplete`;
  if (/^\d+$/.test(value)) return outOfRange(value, field);
  if (value === '?') {
    if (field === day || field === weekday) return '"?" stands alone';
    return '"?" may only stand for a day; a pattern of six fields begins with seconds';
  }
  if (/^H/.test(item))
    return `"${item}": H stands alone, or as H(a-b), H/n or H(a-b)/n with values in the range ${field.least}–${lastOf(field)}`;
  if (field === weekday && /^\w+#\d*$/.test(item)) return `"${item}": the number after # must be 1 to 5`;
  if (field === weekday && /#/.test(item)) return `"${item}": one day, #, and a number from 1 to 5, such as MON#1`;
  if (field === weekday && /^L$/i.test(item)) return '"L" needs a day of the week before it, such as 5L';
  if (field === day && /^L-\d+W$/i.test(item))
    return `"${item}": W takes a single day from 1 to 31, or stands in LW, the last working day`;
  if (field === day && /^L-/.test(item)) return `"${item}": of days counted from the last one there are 1 to 30`;
  if (field === day && /W/.test(item)) return `"${item}": W takes a single day from 1 to 31`;
  const named = value.slice(0, 3).toUpperCase();
  if (field.names?.includes(named)) return `"${value}": names have three letters, such as ${named}`;
  if (dayNames.includes(named)) return `"${value}" is a day of the week: that is the field after the month`;
  if (monthNames.includes(named)) return `"${value}" is a month: that is the field before the day of the week`;
  return `"${item}" is not a value, a range or a list of them`;
}
