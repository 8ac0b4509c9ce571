/**
 * When a cron pattern must fire, worked out the slow way: every wall-clock minute is looked at. It shares neither code
 * nor libraries with src, and judges the rules alone.
 */

import { readFields } from './cron-fields.ts';
import { zoneTable } from './zone-table.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * Vixie's limit: a clock moved by more than this was set, not changed by a rule of the zone; nothing is made up for.
 */
const longestGap = 3 * hour;

/** From `start` (inclusive) to `end` (exclusive), local time is UTC plus `offset`. */
type Stretch = { start: number; end: number; offset: number };

/**
 * All instants in (fromMs, toMs], in order, at which a valid `cron` pattern (5 to 7 fields or a nickname) fires in
 * `timezone`. Epoch milliseconds; 1972 … 9999. Slow in proportion to the days looked at and to the instants found.
 */
export function occurrencesBetween(
  { cron, timezone }: { cron: string; timezone: string },
  fromMs: number,
  toMs: number,
): number[] {
  const fields = readFields(cron);
  const instantsOf = fields.wild ? everyInstant : oneInstant;
  const table = zoneTable(timezone, fromMs - 3 * day, toMs + 3 * day);
  const stretches = table.map((stretch, index) => ({ ...stretch, end: table[index + 1]?.start ?? Infinity }));
  const found: number[] = [];
  // Wall-clock time is written as if it were UTC; it is never more than a day away from it.
  const firstDay = Math.floor(fromMs / day) * day - 2 * day;
  for (let midnight = firstDay; midnight <= toMs + 2 * day; midnight += day) {
    const date = new Date(midnight);
    if (!fields.day(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate())) continue;
    const near = stretches.filter(({ start, end }) => start < midnight + 3 * day && end > midnight - 2 * day);
    for (let h = 0; h < 24; h++) {
      if (!fields.hour(h)) continue;
      for (let m = 0; m < 60; m++) {
        if (!fields.minute(m)) continue;
        for (const second of fields.seconds)
          found.push(...instantsOf(midnight + h * hour + m * minute + second * 1000, near));
      }
    }
  }
  return found
    .filter((instant) => instant > fromMs && instant <= toMs)
    .sort((a, b) => a - b)
    .filter((instant, index, all) => instant !== all[index - 1]);
}

/** The instants that really have this wall-clock time: none in a gap, two in an overlap. */
function everyInstant(wall: number, stretches: Stretch[]): number[] {
  const instants: number[] = [];
  for (const { start, end, offset } of stretches)
    if (wall - offset >= start && wall - offset < end) instants.push(wall - offset);
  return instants;
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
