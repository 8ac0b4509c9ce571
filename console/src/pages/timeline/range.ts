/** The stretch of time that the timeline shows: how long, around which instant; going along it, nearer and farther. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** From near to far. */
export const ranges = ['hour', '6h', 'day', 'week'] as const;
export type Range = (typeof ranges)[number];

const lengths: Record<Range, number> = { hour: hourMs, '6h': 6 * hourMs, day: 24 * hourMs, week: 168 * hourMs };

/** `from` inclusive and `to` exclusive, in epoch milliseconds. `at` is the middle that was asked for, null for now. */
export type Stretch = { range: Range; at: number | null; from: number; to: number };

/**
 * The stretch that the values of an address ask for: a day around now unless they say otherwise. What they say wrongly
 * is as if it were absent. Around now, it moves in steps, so that it does not ask for new data all the time.
 */
export function stretchOf(values: { range?: string | undefined; at?: string | undefined }, now: number): Stretch {
  const range = ranges.find((each) => each === values.range) ?? 'day';
  const given = Date.parse(values.at ?? '');
  const at = Number.isNaN(given) ? null : given;
  const step = lengths[range] / 96;
  const from = (at ?? Math.floor(now / step) * step) - lengths[range] / 2;
  return { range, at, from, to: from + lengths[range] };
}

/** The values of the address of a stretch that lies this share of its length later; earlier where it is negative. */
export function panned({ range, from, to }: Stretch, share: number): { range: Range; at: string } {
  return { range, at: new Date((from + to) / 2 + (to - from) * share).toISOString() };
}

/** The range that is this many steps farther, nearer where negative; undefined where there is none. */
export function zoomed({ range }: Stretch, steps: number): Range | undefined {
  return ranges[ranges.indexOf(range) + steps];
}

/** What keys do: go by a share of the stretch, zoom by steps (negative is nearer), or go back to now. */
export const moves: Readonly<Record<string, { go: number } | { zoom: number } | 'now'>> = {
  ArrowLeft: { go: -1 / 8 },
  ArrowRight: { go: 1 / 8 },
  PageUp: { go: -1 },
  PageDown: { go: 1 },
  '+': { zoom: -1 },
  '=': { zoom: -1 },
  '-': { zoom: 1 },
  '0': 'now',
};
