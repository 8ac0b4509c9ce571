import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { occurrencesAfter } from '../../../../src/domain/schedule/occurrence.ts';
import { compileSchedule, nextInstant, readSchedule } from '../../../../src/domain/schedule/schedule.ts';
import { smallestGap } from '../../../../src/domain/schedule/smallest-gap.ts';
import { cases } from '../../cases.ts';
import { cronPattern, zoneAndInstant } from './cron-arbitraries.ts';

type Vector = { kind: string; pattern: string; tz: string; from: string };

const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../../vectors/cron.json', import.meta.url), 'utf8'));
const calendar = createCalendar();
const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];
const from = Date.UTC(2026, 0, 10);

/** The smallest of the gaps that begin in (after, upTo]: of all of them, but of no more than `most`. */
function gapIn(cron: string, timezone: string, after: number, upTo: number, most: number): number {
  const compiled = compileSchedule({ cron, timezone }, calendar);
  if (compiled === null) throw new Error(`${cron} in ${timezone} is not known`);
  let least = Infinity;
  let at = nextInstant(compiled, after);
  for (let count = 0; at !== null && at <= upTo && count < most; count++) {
    const next = nextInstant(compiled, at);
    if (next !== null) least = Math.min(least, next - at);
    at = next;
  }
  return least;
}

describe('the smallest gap of a schedule', () => {
  test.each([
    ['*/7 * * * *', 'UTC', 4 * minute],
    ['* * * * * *', 'UTC', second],
    ['10,20,59 0 * * * *', 'UTC', 10 * second],
    ['0 23,0 * * *', 'UTC', hour],
    ['0 23,0 * * 1', 'UTC', 23 * hour],
    ['0 1 * * 0,1', 'UTC', day],
    ['0 9 * * 1', 'UTC', 7 * day],
    ['0 0 1 * *', 'UTC', 28 * day],
    ['0 0 29 2 *', 'UTC', (4 * 365 + 1) * day],
    // The night that the clock goes forward is an hour shorter, and 02:30 is made up for at 03:00.
    ['0 4 * * *', 'Europe/Berlin', 23 * hour],
    ['30 1,2 * * *', 'Europe/Berlin', 30 * minute],
    // Every time of an overlap comes twice where minutes follow real time.
    ['30 * * * *', 'Australia/Lord_Howe', 30 * minute],
    // A clock change on a date that the pattern has comes later.
    ['30 1,2 29 3 *', 'Europe/Berlin', 30 * minute],
  ])('is that of the pattern %s in %s', (cron, timezone, gap) => {
    expect(smallestGap({ cron, timezone }, 0, from, calendar)).toBe(gap);
  });

  test('is the rate of a fixed rate, and there is none where a task is due once or never', () => {
    expect(smallestGap({ every: '90s', anchor: '2026-01-01T00:00:00Z' }, 0, from, calendar)).toBe(90 * second);
    expect(smallestGap({ at: '2026-01-01T00:00:00Z' }, 0, from, calendar)).toBeNull();
    expect(smallestGap({ manual: true }, 0, from, calendar)).toBeNull();
    expect(smallestGap({ cron: '0 0 0 1 1 * 2030', timezone: 'UTC' }, 0, from, calendar)).toBeNull();
  });

  test('is smaller where jitter may move an occurrence towards the next one', () => {
    const every = (text: string) => ({ every: text, anchor: '2026-01-01T00:00:00Z' });
    expect(smallestGap(every('1m'), 20 * second, from, calendar)).toBe(40 * second);
    expect(smallestGap(every('1m'), hour, from, calendar)).toBe(1);
  });

  const known = vectors.flatMap(({ kind, pattern, tz, from }) => {
    if (kind !== 'truth' && kind !== 'policy') return [];
    const now = Date.parse(from);
    const read = readSchedule({ cron: pattern, timezone: tz }, { now, graceMs: minute }, calendar);
    return read.ok && 'cron' in read.value ? [{ ...read.value, now }] : [];
  });

  test.each(known)('is found where all instants of $cron in $timezone are gone through', ({ cron, timezone, now }) => {
    const gap = smallestGap({ cron, timezone }, 0, now, calendar) ?? Infinity;
    const compiled = calendar.compile(cron, timezone);
    if (!compiled.ok) throw new Error('not compiled');
    const end = now + 12 * 366 * day;
    let least = gapIn(cron, timezone, now, end, 1_000);
    // Of patterns with many instants the first ones, and those around changes of the clock.
    for (const change of compiled.value.changesOfClock(now, end))
      if (change > now + day) least = Math.min(least, gapIn(cron, timezone, change - 4 * hour, change + hour, 400));
    if (Number.isFinite(least)) expect(gap).toBe(least);
    else expect(gap).toBeGreaterThan(12 * 366 * day - day);
  });

  test('is never above a gap that comes, whatever the pattern, the zone and the jitter', () => {
    fc.assert(
      fc.property(cronPattern, zoneAndInstant, fc.nat({ max: 2 * hour }), fc.nat(), (cron, place, jitterMs, uid) => {
        const { timezone, from } = place;
        const schedule = compileSchedule({ cron, timezone }, calendar);
        if (schedule === null) return;
        const gap = smallestGap({ cron, timezone }, jitterMs, from, calendar) ?? Infinity;
        const timing = { uid, schedule, activeFrom: from, startsAt: null, endsAt: null, jitterMs };
        let last: number | null = null;
        let count = 0;
        for (const at of occurrencesAfter(timing, from)) {
          if (last !== null && at - last < gap)
            throw new Error(`${at - last} ms after ${new Date(last).toISOString()}`);
          last = at;
          // A zone may get another offset later: nobody knows that ahead.
          if (++count === 60 || at > from + 11 * 366 * day) break;
        }
      }),
      // Nuuk has another offset since 2023, and its new year came an hour earlier than a year after the last one.
      { ...cases(60), examples: [['@yearly', { timezone: 'America/Nuuk', from: Date.UTC(2015, 2, 26) }, 0, 0]] },
    );
  });

  test('needs not be told apart from others that are enough', () => {
    fc.assert(
      fc.property(cronPattern, zoneAndInstant, fc.integer({ min: 1, max: 2 * day }), (cron, place, enough) => {
        const { timezone, from } = place;
        if (compileSchedule({ cron, timezone }, calendar) === null) return;
        const asked = (most?: number) => smallestGap({ cron, timezone }, 0, from, calendar, most) ?? Infinity;
        const gap = asked();
        if (gap < enough) expect(asked(enough)).toBe(gap);
        else expect(asked(enough)).toBeGreaterThanOrEqual(enough);
      }),
      cases(40),
    );
  });
});
