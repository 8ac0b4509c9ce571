/** Takes a valid cron pattern apart, for descriptions and warnings. */

import { type Field, fieldOrder, lastOf, nicknames, numberOf, weekday } from './fields.ts';

/** `to` and `step` are filled in: a single value is a range from it to itself. `open` where it was written with `*`. */
export type RangeItem = { from: number; to: number; step: number; open: boolean };
/** Such as `L`, `15W`, `5#2`. */
export type SpecialItem = { special: string };

export type CronPart = {
  field: Field;
  text: string;
  /** Every value matches, and it was written so. */
  any: boolean;
  ranges: RangeItem[];
  specials: SpecialItem[];
};

export type CronParts = {
  second: CronPart;
  minute: CronPart;
  hour: CronPart;
  days: CronPart;
  month: CronPart;
  weekdays: CronPart;
  year: CronPart;
  /** Whether seconds were written. */
  withSeconds: boolean;
};

/** Takes apart a pattern that `readCron` accepts. */
export function partsOf(cron: string): CronParts {
  const texts = (nicknames[cron] ?? cron).split(' ');
  const withSeconds = !cron.startsWith('@') && texts.length > 5;
  if (texts.length === 5) texts.unshift('0');
  if (texts.length === 6) texts.push('*');
  const [second, minute, hour, days, month, weekdays, year] = texts.map((text, place) =>
    partOf(text, fieldOrder[place] as Field),
  ) as [CronPart, CronPart, CronPart, CronPart, CronPart, CronPart, CronPart];
  return { second, minute, hour, days, month, weekdays, year, withSeconds };
}

function partOf(text: string, field: Field): CronPart {
  const body = text.replace(/^\+/, '').toUpperCase();
  const part: CronPart = { field, text, any: /^[*?]$|^\*\/1$/.test(body), ranges: [], specials: [] };
  for (const item of body.split(',')) {
    if (field.special?.test(item)) part.specials.push({ special: item });
    else part.ranges.push(rangeOf(item, field));
  }
  return part;
}

function rangeOf(item: string, field: Field): RangeItem {
  const [range = '', step = '1'] = item.split('/');
  if (range === '*' || range === '?') return { from: field.least, to: lastOf(field), step: Number(step), open: true };
  const [from = '', to = from] = range.split('-');
  return { from: numberOf(from, field) ?? 0, to: numberOf(to, field) ?? 0, step: Number(step), open: false };
}

/** The values that the ranges of a part match, in order; Sunday is 0. */
export function valuesOf({ field, ranges }: CronPart): number[] {
  const values = new Set<number>();
  for (const { from, to, step } of ranges)
    for (let value = from; value <= to; value += step) values.add(field === weekday ? value % 7 : value);
  return [...values].sort((a, b) => a - b);
}
