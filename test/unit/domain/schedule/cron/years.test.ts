import { expect, test } from 'vitest';
import { nextInYears } from '../../../../../src/domain/schedule/cron/years.ts';

/** Midnight of every 29 February, and how often it was asked for. */
function leapDays() {
  const asked: number[] = [];
  return {
    asked,
    next(after: number): number | null {
      asked.push(after);
      for (let year = new Date(after).getUTCFullYear(); year < 10_000; year++) {
        const day = new Date(Date.UTC(year, 1, 29));
        if (day.getUTCMonth() === 1 && day.getTime() > after) return day.getTime();
      }
      return null;
    },
  };
}

const start = Date.UTC(2026, 5, 1);

test('years without a match are given up after one search for each kind of year', () => {
  const { next, asked } = leapDays();
  expect(nextInYears(next, [{ from: 2025, to: 9999, step: 2 }], start)).toBeNull();
  expect(asked.length).toBeLessThanOrEqual(15);
});

test('the first listed year with a match is found, however the years are written', () => {
  const { next } = leapDays();
  const years = [
    { from: 2031, to: 2031, step: 1 },
    { from: 2027, to: 2096, step: 23 },
    { from: 2096, to: 2100, step: 1 },
  ];
  expect(nextInYears(next, years, start)).toBe(Date.UTC(2096, 1, 29));
  expect(nextInYears(next, [{ from: 2000, to: 2025, step: 1 }], start)).toBeNull();
});

test('what is over in the first year may come again in a year of its kind', () => {
  const { next } = leapDays();
  // 2028 and 2056 are both leap years that begin with a Saturday.
  const years = [2028, 2056].map((year) => ({ from: year, to: year, step: 1 }));
  expect(nextInYears(next, years, Date.UTC(2028, 1, 29))).toBe(Date.UTC(2056, 1, 29));
});
