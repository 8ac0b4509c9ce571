/** The heat map of the load: which hour and minute each bucket stands at, and how hot it is. Pure. */

export type Fires = { at: string; fires: number };
/** `minutes` has the place of each minute: null outside the day to come. */
export type HeatRow = { start: number; minutes: (number | null)[] };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** The day to come: it begins with the minute that holds `now`. */
export function dayFrom(now: number): { from: number; to: number } {
  const from = Math.floor(now / minuteMs) * minuteMs;
  return { from, to: from + 24 * hourMs };
}

/**
 * A row for each hour of the day to come, its first and last one in parts unless the day begins at a full hour.
 * `offsetMinutes` is how far the hours of the zone are away from those of UTC, such as 30 in India. Minutes that are
 * not in `buckets` have none; buckets of one minute with several keys add up.
 */
export function heatRows(buckets: readonly Fires[], day: { from: number; to: number }, offsetMinutes = 0): HeatRow[] {
  const fires = new Map<number, number>();
  for (const bucket of buckets) {
    const at = Date.parse(bucket.at);
    fires.set(at, (fires.get(at) ?? 0) + bucket.fires);
  }
  const offset = offsetMinutes * minuteMs;
  const rows: HeatRow[] = [];
  for (let start = Math.floor((day.from + offset) / hourMs) * hourMs - offset; start < day.to; start += hourMs) {
    const minutes = Array.from({ length: 60 }, (_, minute) => start + minute * minuteMs);
    rows.push({ start, minutes: minutes.map((at) => (at < day.from || at >= day.to ? null : (fires.get(at) ?? 0))) });
  }
  return rows;
}

/** The most levels of heat; 0 is none. */
const levels = 5;

/** How hot a minute is, from 0 to `levels`, by its share of the fullest one. One fire is level 1 at least. */
export function levelOf(fires: number, most: number): number {
  return fires === 0 || most === 0 ? 0 : Math.ceil((fires * levels) / most);
}

/** The least number of fires of each level but 0, up to the fullest minute. Levels that no number has are left out. */
export function scaleOf(most: number): { level: number; least: number }[] {
  const scale = Array.from({ length: levels }, (_, place) => place + 1).map((level) => ({
    level,
    least: Math.floor((most * (level - 1)) / levels) + 1,
  }));
  return scale.filter(({ level, least }) => least <= most && levelOf(least, most) === level);
}

/** How many times each key fires, the most first. */
export function keyTotals(
  buckets: readonly (Fires & { key?: string | null })[],
): { key: string | null; fires: number }[] {
  const totals = new Map<string | null, number>();
  for (const { key = null, fires } of buckets) totals.set(key, (totals.get(key) ?? 0) + fires);
  return [...totals].map(([key, fires]) => ({ key, fires })).sort((one, other) => other.fires - one.fires);
}

/** Where an arrow key leads from a minute of the map; the same place at an edge. */
export function stepped(place: { row: number; minute: number }, key: string, rows: number) {
  const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[key] ?? [0, 0];
  return {
    row: Math.min(rows - 1, Math.max(0, place.row + (down ?? 0))),
    minute: Math.min(59, Math.max(0, place.minute + (right ?? 0))),
  };
}
