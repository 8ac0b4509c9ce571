/**
 * When a cron pattern must fire, worked out the slow way: every wall-clock minute is looked at. It shares neither code nor
 * libraries with src, and judges the rules alone.
 */

import { readFields } from './cron-fields.ts';
import { type Stretch, zoneTable } from './zone-table.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Vixie's limit: a clock moved by more than this was set, not changed by a rule of the zone; nothing is made up for. */
const longestGap = 3 * hour;

/**
 * All instants in (fromMs, toMs], in order, at which a valid `cron` pattern (5 to 7 fields or a nickname) fires in
 * `timezone`. Epoch milliseconds. Takes milliseconds per year of the stretch; 1972 … 9999.
 */
export function occurrencesBetween(
  { cron, timezone }: { cron: string; timezone: string },
  fromMs: number,
  toMs: number,
): number[] {
  const fields = readFields(cron);
  const stretches = zoneTable(timezone, fromMs - 3 * day, toMs + 3 * day);
  const found = new Set<number>();
  // Wall-clock time is written as if it were UTC.
  const firstDay = Math.floor(fromMs / day) * day - 2 * day;
  for (let midnight = firstDay; midnight <= toMs + 2 * day; midnight += day) {
    const date = new Date(midnight);
    if (!fields.day(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())) continue;
    for (let h = 0; h < 24; h++) {
      if (!fields.hour(h)) continue;
      for (let m = 0; m < 60; m++) {
        if (!fields.minute(m)) continue;
        for (const second of fields.seconds) {
          const wall = midnight + h * hour + m * minute + second * 1000;
          for (const instant of fields.wild ? everyInstant(wall, stretches) : oneInstant(wall, stretches))
            if (instant > fromMs && instant <= toMs) found.add(instant);
        }
      }
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** The instants that really have this wall-clock time: none in a gap, two in an overlap. */
function everyInstant(wall: number, stretches: Stretch[]): number[] {
  return stretches
    .filter(({ start, offset }, index) => {
      const instant = wall - offset;
      return instant >= start && instant < (stretches[index + 1]?.start ?? Infinity);
    })
    .map(({ offset }) => wall - offset);
}

/** A fixed time fires once: the first time in an overlap, at the end of a gap when it has none of its own. */
function oneInstant(wall: number, stretches: Stretch[]): number[] {
  const real = everyInstant(wall, stretches);
  if (real.length > 0) return real.slice(0, 1);
  for (const [index, { start, offset }] of stretches.entries()) {
    const before = stretches[index - 1]?.offset;
    if (before === undefined || offset <= before) continue;
    if (wall >= start + before && wall < start + offset) return offset - before <= longestGap ? [start] : [];
  }
  return [];
}
