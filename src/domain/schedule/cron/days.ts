/** The days of a cron pattern that are counted from the last one of the month (`L-3`): croner does not know them. */

import type { NextWall } from '../zones/clock-changes.ts';

/** Both day fields as croner reads them; with `fromLast`, only days that lie so many before the last of their month. */
export type DayFields = { days: string; weekdays: string; both: boolean; fromLast: number | null };

/**
 * The day fields of which a pattern's days are the union: one where nothing is counted from the last day. `both` says
 * whether both fields must match, rather than either.
 */
export function dayAlternatives(days: string, weekdays: string, both: boolean): DayFields[] {
  const items = days.split(',');
  const counted = items.filter((item) => item.startsWith('L-')).map((item) => Number(item.slice(2)));
  if (counted.length === 0) return [{ days, weekdays, both, fromLast: null }];
  const others = items.filter((item) => !item.startsWith('L-'));
  const beside = both ? weekdays : '*';
  const alternative = (of: string, fromLast: number | null) => ({ days: of, weekdays: beside, both: true, fromLast });
  return [
    ...(others.length > 0 ? [alternative(others.join(','), null)] : []),
    ...counted.map((count) => alternative(daysThatMayBe(count), count)),
    ...(both ? [] : [{ days: '*', weekdays, both: true, fromLast: null }]),
  ];
}

/** The days that lie `count` before the last one of a month of 28 to 31 days. */
function daysThatMayBe(count: number): string {
  const [first, last] = [Math.max(1, 28 - count), 31 - count];
  return first === last ? String(first) : `${first}-${last}`;
}

const dayMs = 86_400_000;

/** The results of `next`, without the days that do not lie so many before the last of their month. */
export function countedFromLast(next: NextWall, count: number): NextWall {
  return (after) => {
    for (let wall = next(after); wall !== null; ) {
      const date = new Date(wall);
      const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
      if (date.getUTCDate() === last - count) return wall;
      wall = next(wall - (wall % dayMs) + dayMs - 1);
    }
    return null;
  };
}

/** The earliest result of several. */
export function earliestOf(searches: readonly NextWall[]): NextWall {
  const [only] = searches;
  if (searches.length === 1 && only) return only;
  return (after) => {
    let earliest: number | null = null;
    for (const next of searches) {
      const wall = next(after);
      if (wall !== null && (earliest === null || wall < earliest)) earliest = wall;
    }
    return earliest;
  };
}
