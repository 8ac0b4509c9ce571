import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { latestInstant } from '../../../../src/domain/input/instant.ts';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { nextOccurrence, type Timing } from '../../../../src/domain/schedule/occurrence.ts';
import {
  countOccurrences,
  firstOccurrences,
  lastOccurrences,
} from '../../../../src/domain/schedule/occurrence-count.ts';
import {
  type CompiledSchedule,
  compileSchedule,
  countInstants,
  nextInstant,
} from '../../../../src/domain/schedule/schedule.ts';
import { atOnce } from '../../../../src/domain/schedule/steps.ts';
import { cases } from '../../cases.ts';
import { occurrencesBetween } from '../../oracle/cron-oracle.ts';
import { cronPattern, zoneAndInstant, zones } from './cron-arbitraries.ts';
import { longAgo, timing } from './timing-arbitraries.ts';

const second = 1_000;
const hour = 3_600_000;
const day = 24 * hour;
const year = 366 * day;
const calendar = createCalendar({ maxExpressions: 5 });

function cron(expression: string, timezone = 'UTC'): CompiledSchedule {
  const compiled = compileSchedule({ cron: expression, timezone }, calendar);
  if (compiled === null) throw new Error(`${expression} in ${timezone}`);
  return compiled;
}

function timingOf(schedule: CompiledSchedule, given: Partial<Timing> = {}): Timing {
  return { uid: 7, schedule, activeFrom: 0, startsAt: null, endsAt: null, jitterMs: 0, ...given };
}

/** One by one, at most `most`. */
function walk(timing: Timing, after: number, most: number): number[] {
  const found: number[] = [];
  for (let at = nextOccurrence(timing, after); at !== null && found.length < most; at = nextOccurrence(timing, at))
    found.push(at);
  return found;
}

describe('the count is that of counting one by one', () => {
  test('up to any instant and from any instant, whatever the schedule, its bounds and its jitter', () => {
    fc.assert(
      fc.property(
        timing,
        fc.integer({ min: -2 * hour, max: 50 * hour }),
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: -2, max: 2 })), { minLength: 4, maxLength: 12 }),
        (timing, away, picks) => {
          const after = timing.activeFrom + away;
          const sequence = walk(timing, after, 300);
          const end = sequence.length < 300 ? after + 20 * year : (sequence.at(-1) as number);
          const places = picks.map(([pick, place, near]) =>
            // Right beside an occurrence, or anywhere.
            pick % 4 > 0 && sequence.length > 0
              ? (sequence[place % sequence.length] as number) + near
              : after + (place % (end - after + 1)),
          );
          for (const [index, a] of places.entries()) {
            const from = Math.max(after, a);
            const to = Math.min(end, places[index - 1] ?? end);
            const between = sequence.filter((at) => at > from && at <= to).length;
            expect(countOccurrences(timing, from, to), `(${from}, ${to}]`).toBe(between);
          }
        },
      ),
      cases(80),
    );
  });

  test('over whole years, at every pattern, as the oracle counts', () => {
    fc.assert(
      fc.property(cronPattern, zoneAndInstant, fc.integer({ min: 0, max: 500 * day }), (expression, place, length) => {
        const { timezone, from } = place;
        const compiled = compileSchedule({ cron: expression, timezone }, calendar);
        if (compiled === null) return;
        // The oracle lists what it counts: days for what comes by the second, years for what comes by the day.
        const perWeek = countInstants(compiled, from, from + 7 * day);
        const to = from + Math.min(length, Math.ceil((30_000 / Math.max(perWeek, 1)) * 7 * day));
        const wanted = occurrencesBetween({ cron: expression, timezone }, from, to).length;
        expect(countInstants(compiled, from, to)).toBe(wanted);
      }),
      cases(60),
    );
  });

  // A day that never was, changes at midnight, by half an hour, by three and by seven hours, and offsets of 5:45 and
  // 12:45.
  test.each([
    ['Pacific/Apia', 2011, 2012],
    ['Pacific/Kiritimati', 1994, 1996],
    ['Australia/Lord_Howe', 2025, 2026],
    ['Asia/Kathmandu', 2025, 2026],
    ['Pacific/Chatham', 2025, 2026],
    ['Asia/Beirut', 2025, 2026],
    ['Africa/Cairo', 2025, 2026],
    ['America/Santiago', 2025, 2026],
    ['Antarctica/Casey', 2016, 2017],
    ['Antarctica/Vostok', 1994, 1996],
    ['Antarctica/Troll', 2025, 2026],
    ['Africa/Casablanca', 2025, 2026],
    ['Asia/Tehran', 2020, 2021],
  ])('in %s from %i on, for patterns that follow real time and for fixed ones', (timezone, first, last) => {
    const [from, to] = [Date.UTC(first, 0) - 1, Date.UTC(last, 3)];
    for (const expression of [
      '*/10 * * * *',
      '0-59/10 0-23 * * *',
      '30 * * * *',
      '0 0 * * *',
      '15,45 23,0-3 * * *',
      '*/15 0-3 30 12 *',
      '0-59/15 0-3 30 12 *',
      '0 30 2 * * SUN',
      '7 0 0 * * *',
    ]) {
      const wanted = occurrencesBetween({ cron: expression, timezone }, from, to).length;
      expect(countInstants(cron(expression, timezone), from, to), expression).toBe(wanted);
    }
  });

  test('second by second through a change of the clock', () => {
    for (const [timezone, change] of [
      ['Europe/Berlin', Date.UTC(2026, 2, 29, 1)],
      ['Europe/Berlin', Date.UTC(2026, 9, 25, 1)],
      ['Australia/Lord_Howe', Date.UTC(2026, 3, 4, 15)],
      ['Pacific/Apia', Date.UTC(2011, 11, 30, 10)],
    ] as const)
      for (const expression of ['* * * * * *', '0-59 0-59 0-23 * * *', '*/7 */9 1-3 * * *', '3,30 0-59/20 1-3 * * *']) {
        const [from, to] = [change - 3 * hour, change + 3 * hour];
        const found = occurrencesBetween({ cron: expression, timezone }, from, to);
        const schedule = cron(expression, timezone);
        const steps = Array.from({ length: 36 }, (_, step) => from + step * 599 * second);
        for (const at of [...steps, change - second, change - 1, change, change + 1]) {
          expect(countInstants(schedule, from, at)).toBe(found.filter((instant) => instant <= at).length);
          expect(countInstants(schedule, at, to)).toBe(found.filter((instant) => instant > at).length);
        }
      }
  });
});

describe('over any length', () => {
  const place = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2060, 0) });

  test('the counts of two halves are the count of the whole, and one occurrence counts once', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          timing,
          fc
            .tuple(cronPattern, fc.constantFrom(...zones))
            .map(([expression, timezone]) => compileSchedule({ cron: expression, timezone }, calendar))
            .filter((schedule) => schedule !== null)
            .map((schedule) => timingOf(schedule)),
        ),
        fc.tuple(
          place,
          place,
          fc.oneof(
            place,
            zoneAndInstant.map(({ from }) => from),
          ),
        ),
        (timing, instants) => {
          const [a, b, c] = instants.sort((one, other) => one - other) as [number, number, number];
          const whole = countOccurrences(timing, a, c);
          expect(countOccurrences(timing, a, b) + countOccurrences(timing, b, c)).toBe(whole);
          for (const start of [a, b]) {
            const next = nextOccurrence(timing, start);
            if (next === null) expect(countOccurrences(timing, start, c)).toBe(0);
            else {
              expect(countOccurrences(timing, start, next - 1)).toBe(0);
              expect(countOccurrences(timing, start, next)).toBe(1);
            }
          }
        },
      ),
      cases(80),
    );
  });

  test('worked out by hand', () => {
    const june = Date.UTC(2026, 5, 1);
    expect(countInstants(cron('* * * * * *'), june - 1, june + 30 * day - 1)).toBe(30 * 86_400);
    // 2025 in Berlin has as many hours as in UTC; at a fixed time of the day it has 365 days.
    const [start, end] = [Date.UTC(2024, 11, 31, 23) - 1, Date.UTC(2025, 11, 31, 23) - 1];
    expect(countInstants(cron('* * * * *', 'Europe/Berlin'), start, end)).toBe(365 * 1_440);
    expect(countInstants(cron('30 2 * * *', 'Europe/Berlin'), start, end)).toBe(365);
    // The hour that is left out is one instant, which 03:00 has already; the hour that comes twice counts once.
    expect(countInstants(cron('0-59 0-23 * * *', 'Europe/Berlin'), start, end)).toBe(365 * 1_440 - 60);
    // Forty days hold forty midnights; here there would be one more, but 30 December 2011 was no day in Apia.
    expect(countInstants(cron('0 0 * * *', 'Pacific/Apia'), Date.UTC(2011, 11, 1), Date.UTC(2012, 0, 10))).toBe(40);
    // 29 February: 2028, 2032, …, 2096, not 2100, 2104.
    expect(countInstants(cron('0 0 29 2 *'), june, Date.UTC(2104, 5, 1))).toBe(19);
    expect(countInstants(cron('0 0 0 29 2 * 2030-2060/2'), june, Date.UTC(2104, 5, 1))).toBe(8);
    const every = { kind: 'every', everyMs: 100, anchorMs: june } as const;
    expect(countInstants(every, june - year, june + 36_525 * day)).toBe(36_525 * 864_000 + 1);
    expect(countInstants({ kind: 'manual' }, 0, june)).toBe(0);
  });

  test('from before the first year to after the last one', () => {
    const yearly = cron('0 0 1 1 *');
    expect(countInstants(yearly, Number.NEGATIVE_INFINITY, 0)).toBe(1);
    expect(countInstants(yearly, latestInstant - 2 * year, Number.POSITIVE_INFINITY)).toBe(2);
    expect(countInstants(yearly, latestInstant, Number.POSITIVE_INFINITY)).toBe(0);
    expect(countInstants(yearly, longAgo, longAgo)).toBe(0);
    expect(countInstants(yearly, longAgo, longAgo - year)).toBe(0);
    const tokyo = cron('0 0 1 1 *', 'Asia/Tokyo');
    // 2028 begins on a Saturday, as the year 10000 does, which Tokyo reaches before the last instant.
    expect(countInstants(tokyo, longAgo, Date.UTC(2030, 0))).toBe(4);
    expect(countInstants(tokyo, latestInstant - year, Number.POSITIVE_INFINITY)).toBe(
      nextInstant(tokyo, latestInstant - year) === null ? 0 : 1,
    );
    const every = { kind: 'every', everyMs: day, anchorMs: 0 } as const;
    expect(countInstants(every, latestInstant - 3 * day, Number.POSITIVE_INFINITY)).toBe(3);
  });
});

describe('the first and the last ones', () => {
  test('are those of counting one by one, oldest first, as many as asked for or there are', () => {
    fc.assert(
      fc.property(timing, fc.nat(60 * hour), fc.nat(80), fc.nat(120), (timing, away, length, limit) => {
        const after = timing.activeFrom - hour + away;
        const sequence = walk(timing, after, length + 1);
        const last = sequence[length - 1] ?? after;
        // Up to an instant between two occurrences: jitter may have moved a nominal one beyond it.
        const upTo = last + Math.floor((((sequence[length] ?? last + 9) - last - 1) * (away % 11)) / 10);
        const all = sequence.filter((at) => at <= upTo);
        expect(atOnce(firstOccurrences(timing, after, upTo, limit))).toEqual(all.slice(0, limit));
        expect(atOnce(lastOccurrences(timing, after, upTo, limit))).toEqual(limit === 0 ? [] : all.slice(-limit));
      }),
      cases(60),
    );
  });

  test('the last ones of a crowd long past are found without the crowd', () => {
    const schedule = cron('* * * 1 1 *');
    expect(atOnce(lastOccurrences(timingOf(schedule), 0, Date.UTC(2026, 10, 20), 2))).toEqual([
      Date.UTC(2026, 0, 1, 23, 59, 58),
      Date.UTC(2026, 0, 1, 23, 59, 59),
    ]);
  });
});
