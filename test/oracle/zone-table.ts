/** A zone's offsets over a stretch of time, sampled hour by hour from Intl and refined to the second. */

/** From `start` (epoch ms, inclusive) on, local time is UTC plus `offset` ms. */
export type Stretch = { start: number; offset: number };

const hour = 3_600_000;

/** The stretches of constant offset between two instants (epoch ms), the first beginning at or before `fromMs`. */
export function zoneTable(timezone: string, fromMs: number, toMs: number): Stretch[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' });
  // sv-SE writes 2026-03-29 03:00:00.
  const offsetAt = (ms: number) => Date.parse(`${format.format(ms).replace(' ', 'T')}Z`) - ms;
  let last = Math.floor(fromMs / hour) * hour;
  let offset = offsetAt(last);
  const stretches = [{ start: last, offset }];
  for (let now = last + hour; now <= toMs + hour; now += hour) {
    if (offsetAt(now) !== offset) {
      let before = last;
      let after = now;
      while (after - before > 1000) {
        const middle = before + Math.floor((after - before) / 2000) * 1000;
        if (offsetAt(middle) === offset) before = middle;
        else after = middle;
      }
      offset = offsetAt(now);
      stretches.push({ start: after, offset });
    }
    last = now;
  }
  return stretches;
}
