/** A zone's offsets over a stretch of time, sampled hour by hour from Intl and refined to the second. */

/** From `start` (epoch ms, inclusive) on, local time is UTC plus `offset` ms. */
export type Stretch = { start: number; offset: number };

const hour = 3_600_000;
const years = new Map<string, Stretch[]>();

/** The stretches of constant offset between two instants (epoch ms), the first beginning at or before `fromMs`. */
export function zoneTable(timezone: string, fromMs: number, toMs: number): Stretch[] {
  const stretches: Stretch[] = [];
  const lastYear = new Date(toMs).getUTCFullYear();
  for (let year = new Date(fromMs).getUTCFullYear(); year <= lastYear; year++)
    for (const stretch of stretchesOf(timezone, year))
      if (stretch.offset !== stretches.at(-1)?.offset) stretches.push(stretch);
  const first = stretches.findLastIndex(({ start }) => start <= fromMs);
  return stretches.slice(first).filter(({ start }) => start <= toMs);
}

/** The stretches that begin in one year, or are under way at its beginning. */
function stretchesOf(timezone: string, year: number): Stretch[] {
  const key = `${timezone} ${year}`;
  const known = years.get(key);
  if (known) return known;
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' });
  // sv-SE writes 2026-03-29 03:00:00.
  const offsetAt = (ms: number) => Date.parse(`${format.format(ms).replace(' ', 'T')}Z`) - ms;
  const end = Date.UTC(year + 1, 0);
  let last = Date.UTC(year, 0);
  let offset = offsetAt(last);
  const stretches = [{ start: last, offset }];
  for (let now = last + hour; now <= end; now += hour) {
    if (offsetAt(now) !== offset) {
      let before = last;
      let after = now;
      while (after - before > 1000) {
        const middle = before + Math.floor((after - before) / 2000) * 1000;
        if (offsetAt(middle) === offset) before = middle;
        else after = middle;
      }
      offset = offsetAt(now);
      if (after < end) stretches.push({ start: after, offset });
    }
    last = now;
  }
  years.set(key, stretches);
  return stretches;
}
