/** The year field of a cron pattern, and the search that it bounds. */

/** Every `step`th year from `from` to `to`. */
export type YearRange = { from: number; to: number; step: number };

/** The year of a wall-clock time, in epoch milliseconds as if it were UTC. */
export const yearOf = (wall: number) => new Date(wall).getUTCFullYear();

/**
 * The first time after `after` that `next` gives and that lies in one of the years, or null. Ends soon also where no
 * year has a match: the matches in a year depend only on its first weekday and on whether it is a leap year.
 */
export function nextInYears(
  next: (after: number) => number | null,
  years: readonly YearRange[],
  after: number,
): number | null {
  const barren = new Set<number>();
  const first = yearOf(after);
  for (let year = listedFrom(years, first); year !== null; ) {
    let reached = year + 1;
    if (!barren.has(kindOf(year))) {
      const wall = next(year === first ? after : Date.UTC(year, 0) - 1);
      if (wall === null) return null;
      if (yearOf(wall) === year) return wall;
      // The rest of the first year tells nothing about whole years.
      if (year !== first) barren.add(kindOf(year));
      reached = yearOf(wall);
    }
    year = listedFrom(years, reached);
  }
  return null;
}

export function isListedYear(years: readonly YearRange[], year: number): boolean {
  return years.some(({ from, to, step }) => year >= from && year <= to && (year - from) % step === 0);
}

/** The first listed year from `least` on, or null. */
function listedFrom(years: readonly YearRange[], least: number): number | null {
  const candidates = years
    .map(({ from, to, step }) => ({ year: from + Math.max(0, Math.ceil((least - from) / step)) * step, to }))
    .filter(({ year, to }) => year <= to);
  return candidates.length === 0 ? null : Math.min(...candidates.map(({ year }) => year));
}

/** Which of the fourteen kinds of year this is. */
function kindOf(year: number): number {
  const leap = new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1;
  return new Date(Date.UTC(year, 0)).getUTCDay() + (leap ? 7 : 0);
}
