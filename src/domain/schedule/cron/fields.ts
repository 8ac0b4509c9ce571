/** The fields of a cron pattern: their names, their ranges, and the numbers that their values stand for. */

export type Field = {
  name: string;
  least: number;
  most: number;
  names?: readonly string[];
  /** The words of the field that are neither a value nor a range, in capitals. */
  special?: RegExp;
};

export const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
export const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const second: Field = { name: 'second', least: 0, most: 59 };
const minute: Field = { name: 'minute', least: 0, most: 59 };
const hour: Field = { name: 'hour', least: 0, most: 23 };
export const day: Field = {
  name: 'day of month',
  least: 1,
  most: 31,
  special: /^(?:L|LW|L-(?:[1-9]|[12]\d|30)|(?:[1-9]|[12]\d|3[01])W)$/,
};
export const month: Field = { name: 'month', least: 1, most: 12, names: monthNames };
export const weekday: Field = {
  name: 'day of week',
  least: 0,
  most: 7,
  names: dayNames,
  special: /^(?:[0-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(?:#[1-5]|L)$/,
};
export const year: Field = { name: 'year', least: 1970, most: 9999 };

/** In the order of a pattern of seven fields; one of six has no year, one of five no second either. */
export const fieldOrder: readonly Field[] = [second, minute, hour, day, month, weekday, year];

export const nicknames: Readonly<Record<string, string>> = {
  '@yearly': '0 0 0 1 1 *',
  '@annually': '0 0 0 1 1 *',
  '@monthly': '0 0 0 1 * *',
  '@weekly': '0 0 0 * * 0',
  '@daily': '0 0 0 * * *',
  '@midnight': '0 0 0 * * *',
  '@hourly': '0 0 * * * *',
};

/** The longest pattern, in characters, as it comes and as it is written out. */
export const longestCron = 256;

/** The fields of a pattern of five, six or seven parts; undefined for any other number of them. */
export function fieldsOf(parts: readonly string[]): readonly Field[] | undefined {
  if (parts.length === 5) return fieldOrder.slice(1, 6);
  return parts.length === 6 || parts.length === 7 ? fieldOrder.slice(0, parts.length) : undefined;
}

/** The number that a value or name stands for; null when it is neither. */
export function numberOf(text: string, { names, least }: Field): number | null {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  const place = names?.indexOf(text.toUpperCase()) ?? -1;
  return place < 0 ? null : place + least;
}

/** The largest value that is not another name of the least: 6 among the days of the week. */
export const lastOf = (field: Field) => (field === weekday ? 6 : field.most);

/** How many different values the field has. */
export const sizeOf = (field: Field) => lastOf(field) - field.least + 1;
