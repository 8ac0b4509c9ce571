/** Instants as RFC 3339 writes them: in with any offset, out in UTC with milliseconds. */

const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:Z|([+-])(\d\d):(\d\d))$/i;

/** The last instant that four digits of a year can write, in epoch milliseconds. */
export const latestInstant = Date.UTC(10_000, 0) - 1;

/**
 * Epoch milliseconds, finer fractions cut off. Null for a text that is no RFC 3339 instant, for a day that does not
 * exist, and outside of the years 1970 to 9999. Leap seconds are refused, because no clock here shows them.
 */
export function parseInstant(text: string): number | null {
  const match = pattern.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const millis = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const [offsetHours, offsetMinutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return null;
  const local = Date.UTC(year, month - 1, day, hour, minute, second, millis);
  // A day that its month does not have lands in another month, a month that does not exist has another number.
  if (year < 1970 || new Date(local).getUTCMonth() !== month - 1) return null;
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (match[8] === '-' ? -1 : 1);
  const instant = local - offset;
  return instant >= 0 && instant <= latestInstant ? instant : null;
}

/** A local time without offset, such as `2026-12-01T09:00`, as if it were UTC; null for any other text. */
export function parseLocalTime(text: string): number | null {
  const [, time = '', second = ':00', fraction = ''] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(\.\d{1,18})?$/i.exec(text) ?? [];
  return time === '' ? null : parseInstant(`${time}${second}${fraction}Z`);
}

/** `2026-12-01T09:00:00.000Z` for epoch milliseconds. */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}

/** `formatInstant` that remembers its last instant, because all calls of a burst have the same. */
export function createInstantFormat(): (ms: number) => string {
  let last = Number.NaN;
  let text = '';
  return (ms) => {
    if (ms !== last) {
      text = formatInstant(ms);
      last = ms;
    }
    return text;
  };
}
