import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { describeSchedule } from '../../../../src/domain/schedule/describe.ts';
import { compileSchedule, nextInstant } from '../../../../src/domain/schedule/schedule.ts';
import { cases } from '../../cases.ts';
import { cronPattern } from './cron-arbitraries.ts';
import { matcherOf } from './description-matcher.ts';

const zone = 'in the time zone Europe/Berlin';

test.each([
  ['*/5 * * * *', 'Every 5 minutes'],
  ['* * * * *', 'Every minute'],
  ['@hourly', 'Every hour'],
  ['@weekly', 'At 00:00, on Sunday'],
  ['0 2 * * *', 'At 02:00'],
  ['0 9,12,15 * * 1-5', 'At 09:00, 12:00 and 15:00, on Monday through Friday'],
  ['30 15 10 * * *', 'At 10:15:30'],
  ['* * * * * *', 'Every second'],
  ['*/10 * * * * *', 'Every 10 seconds'],
  ['0 */6 * * *', 'At 00:00, 06:00, 12:00 and 18:00'],
  ['0 */2 * * *', 'Every 2 hours'],
  ['* 2 * * *', 'Every minute of hour 2'],
  // A step that does not divide is no interval.
  ['*/59 * * * *', 'At minutes 0 and 59 of every hour'],
  ['*/60 * * * *', 'Every hour'],
  ['*/7 * * * *', 'At every 7th minute from 0 to 56 of every hour'],
  ['0 */7 * * *', 'At 00:00, 07:00, 14:00 and 21:00'],
  ['0 */5 * * *', 'At 00:00, 05:00, 10:00, 15:00 and 20:00'],
  ['0 8-18/2 * * *', 'At 08:00, 10:00, 12:00, 14:00, 16:00 and 18:00'],
  ['5-59/15 * * * *', 'At minutes 5, 20, 35 and 50 of every hour'],
  ['0 22-23,0-6 * * *', 'At minute 0 of hours 0 through 6, 22 and 23'],
  ['0,*/5 * * * * *', 'Every 5 seconds'],
  // Either day, or both.
  ['0 0 1,15 * 1-5', 'At 00:00, on days 1 and 15 of the month, or on Monday through Friday'],
  ['0 0 1,15 * +1-5', 'At 00:00, on days 1 and 15 of the month, and only if that day is Monday through Friday'],
  ['0 0 13 * 5', 'At 00:00, on day 13 of the month, or on Friday'],
  ['0 12 */2 * MON', 'At 12:00, on every 2nd day from 1 to 31 of the month, and only if that day is Monday'],
  ['0 12 1-31/2 * MON', 'At 12:00, on every 2nd day from 1 to 31 of the month, or on Monday'],
  ['0 0 13 * */2', 'At 00:00, on day 13 of the month, and only if that day is Tuesday, Thursday, Saturday and Sunday'],
  ['0 0 * * MON#2,FRI', 'At 00:00, on Friday and the second Monday of the month'],
  ['0 0 * * 5L', 'At 00:00, on the last Friday of the month'],
  ['0 0 * * 6,0', 'At 00:00, on Saturday and Sunday'],
  ['0 0 L * *', 'At 00:00, on the last day of the month'],
  ['0 0 LW * *', 'At 00:00, on the last working day of the month'],
  ['0 0 L-3 * *', 'At 00:00, on the day 3 before the last day of the month'],
  ['0 0 1,15W * *', 'At 00:00, on day 1 of the month and the working day nearest to day 15 of the month'],
  ['0 0 1 NOV-DEC,JAN *', 'At 00:00, on day 1 of the month, in January, November and December'],
  ['0 0 0 1 1 * 2027-2030', 'At 00:00, on day 1 of the month, in January, in 2027 through 2030'],
  ['0 0 0 29 2 * */4', 'At 00:00, on day 29 of the month, in February, in years divisible by 4'],
])('%s: %s', (cron, description) => {
  expect(describeSchedule({ cron, timezone: 'UTC' })).toBe(description);
  expect(describeSchedule({ cron, timezone: 'Europe/Berlin' })).toBe(`${description}, ${zone}`);
});

test.each([
  [{ every: '1m30s', anchor: '2026-01-01T00:00:00.000Z' }, 'Every 1m30s, counted from 2026-01-01T00:00:00.000Z'],
  [{ at: '2026-12-01T09:00:00.000Z' }, 'Once, at 2026-12-01T09:00:00.000Z'],
  [{ manual: true as const }, 'Only when triggered'],
])('%o is described', (schedule, description) => {
  expect(describeSchedule(schedule)).toBe(description);
});

describe('whatever a sentence claims is when it fires', () => {
  const calendar = createCalendar();
  const start = fc.date({ min: new Date('2024-01-01'), max: new Date('2032-01-01'), noInvalidDate: true });

  test('each instant is one of the sentence, and each one of the sentence is an instant', () => {
    fc.assert(
      fc.property(
        fc.oneof(cronPattern, fc.constantFrom('0 0 L-3 * *', '5 4 1,L-2,L * +MON', '0 0 L-30 * TUE')),
        start,
        (cron, from) => {
          const schedule = { cron, timezone: 'UTC' };
          const compiled = compileSchedule(schedule, calendar);
          if (compiled === null) return;
          const sentence = describeSchedule(schedule);
          const matches = matcherOf(sentence);
          const wrong = (at: number) => expect.fail(`${cron}: ${sentence}: ${new Date(at).toISOString()}`);
          let after = from.getTime();
          for (let count = 0; count < 15; count++) {
            const next = nextInstant(compiled, after);
            if (next === null) break;
            if (!matches(next)) wrong(next);
            // Nothing between two instants is claimed: looked for by the second, then by the minute, hour and day.
            const second = Math.floor(after / 1_000) * 1_000;
            for (const [unit, looks] of [
              [1_000, 90],
              [60_000, 90],
              [3_600_000, 50],
              [86_400_000, 70],
            ] as const)
              for (let at = second + unit, look = 0; at < next && look < looks; at += unit, look++)
                if (at > after && matches(at)) wrong(at);
            after = next;
          }
        },
      ),
      cases(40),
    );
  }, 60_000);
});
