import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeSchedule } from '../../src/domain/describe.ts';
import { cronPattern } from './cron-arbitraries.ts';

test.each([
  [{ cron: '*/5 * * * *', timezone: 'UTC' }, 'Every 5 minutes'],
  [{ cron: '0 2 * * *', timezone: 'Europe/Berlin' }, 'At 02:00, in the time zone Europe/Berlin'],
  [{ cron: '@hourly', timezone: 'UTC' }, 'Every hour'],
  [{ cron: '@weekly', timezone: 'UTC' }, 'At 00:00, only on Sunday'],
  [{ cron: '0 0 13 * 5', timezone: 'UTC' }, 'At 00:00, on day 13 of the month, and on Friday'],
  [{ cron: '0 0 13 * +5', timezone: 'UTC' }, 'At 00:00, on day 13 of the month, only on Friday'],
  [{ cron: '0 12 */2 * MON', timezone: 'UTC' }, 'At 12:00, every 2 days in a month, only on Monday'],
  [{ cron: '30 15 10 13 * +5', timezone: 'UTC' }, 'At 10:15:30, on day 13 of the month, only on Friday'],
  [{ cron: '0 0 1,15W * *', timezone: 'UTC' }, 'By the cron pattern 0 0 1,15W * *'],
  [{ cron: '0,*/5 * * * * *', timezone: 'UTC' }, 'By the cron pattern 0,*/5 * * * * *'],
  [{ cron: '*/5,0 * * * * *', timezone: 'UTC' }, 'By the cron pattern */5,0 * * * * *'],
  [{ cron: '0,5,*/10 * * * * *', timezone: 'UTC' }, 'By the cron pattern 0,5,*/10 * * * * *'],
  [{ cron: '0-0,0-0/1 * * * * *', timezone: 'UTC' }, 'By the cron pattern 0-0,0-0/1 * * * * *'],
  [{ every: '1m30s', anchor: '2026-01-01T00:00:00.000Z' }, 'Every 1m30s, counted from 2026-01-01T00:00:00.000Z'],
  [{ at: '2026-12-01T09:00:00.000Z' }, 'Once, at 2026-12-01T09:00:00.000Z'],
  [{ manual: true as const }, 'Only when triggered'],
])('%o is described', (schedule, description) => {
  expect(describeSchedule(schedule)).toBe(description);
});

test('every valid pattern has a description', () => {
  fc.assert(
    fc.property(cronPattern, (cron) => {
      const description = describeSchedule({ cron, timezone: 'UTC' });
      expect(description.length).toBeGreaterThan(5);
      expect(description).toMatch(/^[A-Z].*\S$/);
      expect(description).not.toMatch(/undefined|NaN|null|\[object/);
    }),
    { numRuns: 1_000 },
  );
});
