import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countWallTimes } from '../../../../../src/domain/schedule/cron/wall-count.ts';
import {
  countByRealTime,
  countByWallClock,
  nextByRealTime,
  nextByWallClock,
} from '../../../../../src/domain/schedule/zones/clock-changes.ts';
import { openZone, type Stretch } from '../../../../../src/domain/schedule/zones/zone.ts';
import { cases } from '../../../cases.ts';

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
  ])('by %s a year takes two questions for each change of the clock and for each quarter', (_name, countBy) => {
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
    expect(stretches).toBeLessThanOrEqual(10 * 6 + 3);
    expect(counted).toBeLessThanOrEqual(10 * 18);
  });
});

describe('in zones made up, with changes of any size, close to each other', () => {
  const minute = 60 * second;
  const madeUp = fc
    .array(fc.record({ minutes: fc.integer({ min: 5, max: 900 }), offset: fc.integer({ min: -24, max: 24 }) }), {
      minLength: 1,
      maxLength: 12,
    })
    .map((parts) => {
      let end = start;
      const stretches: Stretch[] = parts.map(({ minutes, offset }) => {
        end += minutes * minute;
        return { end, offset: offset * 30 * minute };
      });
      return { at: (instant: number) => stretches.find((each) => instant < each.end) ?? { end: Infinity, offset: 0 } };
    });
  const period = fc.integer({ min: 1, max: 400 }).map((minutes) => minutes * minute);
  const place = fc.oneof(
    fc.integer({ min: -20 * 60, max: 200 * 60 }).map((minutes) => start + minutes * minute),
    fc.integer({ min: -20 * hour, max: 200 * hour }).map((ms) => start + ms),
  );

  test.each([
    ['real time', nextByRealTime, countByRealTime],
    ['wall-clock time', nextByWallClock, countByWallClock],
  ])('the count by %s is that of counting one by one', (_name, nextBy, countBy) => {
    fc.assert(
      fc.property(madeUp, period, place, place, fc.integer({ min: -1, max: 0 }), (zone, period, one, other, off) => {
        const [after, upTo] = [Math.min(one, other) + off, Math.max(one, other) - off];
        const next = (wall: number) => (Math.floor(wall / period) + 1) * period;
        const countWall = (from: number, to: number) =>
          Math.max(0, Math.floor(to / period) - Math.floor(from / period));
        let count = 0;
        for (let at = nextBy(next, zone, after); at !== null && at <= upTo; at = nextBy(next, zone, at)) count++;
        expect(countBy(countWall, zone, after, upTo)).toBe(count);
      }),
      cases(300),
    );
  });
});
