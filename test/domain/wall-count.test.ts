import { describe, expect, test } from 'vitest';
import { countByRealTime, countByWallClock } from '../../src/domain/clock-changes.ts';
import { countWallTimes } from '../../src/domain/wall-count.ts';
import { openZone } from '../../src/domain/zone.ts';

const second = 1_000;
const hour = 3_600_000;
const day = 24 * hour;
const start = Date.UTC(2021, 0);
const tenYears = 3_652 * day;
const anyYear = () => true;

/** The next second of a weekday, or of any day, and how often it was asked for. */
function seconds(weekdays: boolean) {
  const asked: number[] = [];
  return {
    asked,
    next(after: number): number | null {
      asked.push(after);
      let wall = Math.floor(after / second) * second + second;
      while (weekdays && new Date(wall).getUTCDay() % 6 === 0) wall = (Math.floor(wall / day) + 1) * day;
      return wall;
    },
  };
}

describe('the work does not grow with the times', () => {
  // A pattern is looked at once for its hours, minutes and seconds, and once for each kind of month.
  const times = 25 + 61 + 61;

  test('ten years of seconds take a question for each kind of month', () => {
    const { next, asked } = seconds(false);
    const count = countWallTimes({ next, everyDay: true, isListed: anyYear });
    expect(count(start - 1, start + tenYears - 1)).toBe(tenYears / second);
    expect(asked.length).toBeLessThanOrEqual(times + 91);
    asked.length = 0;
    expect(count(start, start + tenYears)).toBe(tenYears / second);
    expect(asked).toEqual([]);
  });

  test('ten years of the seconds of weekdays take one for each day of each kind of month', () => {
    const { next, asked } = seconds(true);
    const count = countWallTimes({ next, everyDay: false, isListed: anyYear });
    // 2021 begins on a Friday; 521 weeks and 5 days follow: Friday, two days off, Monday, Tuesday.
    expect(count(start - 1, start + tenYears - 1)).toBe((521 * 5 + 3) * 86_400);
    expect(asked.length).toBeLessThanOrEqual(times + 91 * 24);
  });

  test('an hour takes no more than its month', () => {
    const { next, asked } = seconds(true);
    expect(countWallTimes({ next, everyDay: false, isListed: anyYear })(start, start + hour)).toBe(3_600);
    expect(asked.length).toBeLessThanOrEqual(times + 24);
  });

  test('years that are not listed are not looked at', () => {
    const { next, asked } = seconds(false);
    const count = countWallTimes({ next, everyDay: true, isListed: (year) => year === 2400 });
    expect(count(start, start + tenYears)).toBe(0);
    expect(asked).toEqual([]);
  });

  test.each([
    ['real time', countByRealTime],
    ['wall-clock time', countByWallClock],
  ])('by %s a year takes two questions for each change of the clock and for its end', (_name, countBy) => {
    const berlin = openZone('Europe/Berlin');
    let [stretches, counted] = [0, 0];
    const zone = {
      at(instant: number) {
        stretches++;
        return berlin.at(instant);
      },
    };
    const countWall = (after: number, upTo: number) => {
      counted++;
      return Math.max(0, Math.floor(upTo / second) - Math.floor(after / second));
    };
    const wholeYears = countBy(countWall, zone, start, start + tenYears);
    // Of the hour that comes twice a fixed time has only the first; both leave out the other hour.
    expect(wholeYears).toBe(tenYears / second - (countBy === countByWallClock ? 10 * 3_600 : 0));
    expect(stretches).toBeLessThanOrEqual(10 * 3 + 3);
    expect(counted).toBeLessThanOrEqual(10 * 9);
  });
});
