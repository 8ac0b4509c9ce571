import { expect, test } from 'vitest';
import { nextOf, rememberDays } from '../../../../../src/domain/schedule/cron/wall-next.ts';

const dayMs = 86_400_000;

/** Midnight of every day for which `matches`, and how often it was asked for. */
function midnights(matches: (date: Date) => boolean) {
  const asked: number[] = [];
  return {
    asked,
    next(after: number): number | null {
      asked.push(after);
      for (let day = Math.floor(after / dayMs) + 1; day * dayMs < Date.UTC(10_000, 0); day++)
        if (matches(new Date(day * dayMs))) return day * dayMs;
      return null;
    },
  };
}

const lastSundayOfDecember = (date: Date) =>
  date.getUTCMonth() === 11 && date.getUTCDate() === 31 && date.getUTCDay() === 0;
const cases: [string, (date: Date) => boolean][] = [
  ['31 December, a Sunday', lastSundayOfDecember],
  ['29 February', (date) => date.getUTCMonth() === 1 && date.getUTCDate() === 29],
  ['29 February, a Monday', (date) => date.getUTCMonth() === 1 && date.getUTCDate() === 29 && date.getUTCDay() === 1],
  ['weekdays', (date) => date.getUTCDay() % 6 > 0],
  ['the first and the last days', (date) => date.getUTCDate() === 1 || date.getUTCDate() === 31],
];

test.each(cases)('the days are those of a search: %s', (_, matches) => {
  const { next } = midnights(matches);
  const nextDay = rememberDays(midnights(matches).next, false);
  let from = Date.UTC(1969, 10, 30) / dayMs;
  for (let count = 0; count < 300; count++) {
    const day = nextDay(from);
    expect(day).toBe((next(from * dayMs - 1) as number) / dayMs);
    from = (day as number) + 1;
  }
});

test('a thousand rare days, thousands of years, are found with few searches', () => {
  const { next, asked } = midnights(lastSundayOfDecember);
  const nextDay = rememberDays(next, false);
  let from: number | null = Date.UTC(2026, 0) / dayMs;
  for (let count = 0; count < 1_000 && from !== null; count++) from = nextDay(from + 1);
  expect(new Date((from as number) * dayMs).getUTCFullYear()).toBeGreaterThan(9_000);
  expect(asked.length).toBeLessThanOrEqual(91);
});

test('a month of which every day matches takes one search, and beyond the last year there is no day', () => {
  const { next, asked } = midnights((date) => date.getUTCMonth() === 6);
  const nextDay = rememberDays(next, true);
  const first = Date.UTC(2026, 6) / dayMs;
  expect([0, 17, 30].map((day) => nextDay(first + day))).toEqual([first, first + 17, first + 30]);
  expect(asked).toHaveLength(1);
  expect(nextDay(Date.UTC(9999, 7) / dayMs)).toBeNull();
});

test('a time is the next one of its day, or the first one of the next day that matches', () => {
  const mondays = (from: number) => from + ((4 - (from % 7) + 7) % 7);
  const hourly = (after: number) => {
    const hour = Math.floor(after / 3_600_000) + 1;
    return (hour % 24 < 9 ? hour - (hour % 24) + 9 : hour) * 3_600_000;
  };
  const next = nextOf(mondays, hourly);
  const monday = Date.UTC(2026, 10, 30);
  expect(next(monday - dayMs)).toBe(monday + 9 * 3_600_000);
  expect(next(monday + 9 * 3_600_000)).toBe(monday + 10 * 3_600_000);
  expect(next(monday + 23 * 3_600_000)).toBe(monday + 7 * dayMs + 9 * 3_600_000);
});
