/** Random timings of tasks, for property tests. */

import fc from 'fast-check';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import type { Timing } from '../../../../src/domain/schedule/occurrence.ts';
import { type CompiledSchedule, compileSchedule } from '../../../../src/domain/schedule/schedule.ts';
import { cronPattern, zoneAndInstant } from './cron-arbitraries.ts';

const hour = 3_600_000;
/** Where timings without a zone begin, in epoch milliseconds. */
export const longAgo = Date.UTC(2026, 0);
const calendar = createCalendar({ maxExpressions: 5 });

const schedule: fc.Arbitrary<{ schedule: CompiledSchedule; from: number }> = fc
  .oneof(
    {
      weight: 3,
      arbitrary: fc
        .tuple(cronPattern, zoneAndInstant)
        .map(([cron, { timezone, from }]) => ({ schedule: compileSchedule({ cron, timezone }, calendar), from })),
    },
    {
      weight: 2,
      arbitrary: fc
        .record({
          everyMs: fc.integer({ min: 100, max: 3 * 24 * hour }),
          anchorMs: fc.integer({ min: longAgo - hour, max: longAgo + hour }),
        })
        .map((every) => ({ schedule: { kind: 'every' as const, ...every }, from: longAgo })),
    },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: -hour, max: hour })
        .map((away) => ({ schedule: { kind: 'at' as const, atMs: longAgo + away }, from: longAgo })),
    },
  )
  .filter((made): made is { schedule: CompiledSchedule; from: number } => made.schedule !== null);

const bound = fc.option(fc.integer({ min: -2 * hour, max: 60 * hour }));

/** What one task's timing may be: any schedule, bounds before and after its instants, jitter from none to two days. */
export const timing: fc.Arbitrary<Timing> = fc
  .record({
    made: schedule,
    uid: fc.maxSafeNat(),
    startsAt: bound,
    endsAt: bound,
    jitterMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 1, max: 48 * hour })),
  })
  .map(({ made: { schedule, from }, uid, startsAt, endsAt, jitterMs }) => ({
    uid,
    schedule,
    activeFrom: from,
    startsAt: startsAt === null ? null : from + startsAt,
    endsAt: endsAt === null ? null : from + endsAt,
    jitterMs,
  }));
