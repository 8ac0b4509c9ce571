import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { latestInstant } from '../../../../src/domain/input/instant.ts';
import { type CompiledCron, createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { cases } from '../../cases.ts';
import { cronPattern, zoneAndInstant, zones } from './cron-arbitraries.ts';

const hour = 3_600_000;
const start = Date.UTC(2026, 0, 1);

function compile(expression: string, timezone = 'UTC', calendar = createCalendar()): CompiledCron {
  const compiled = calendar.compile(expression, timezone);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
  return compiled.value;
}

function take(cron: CompiledCron, after: number, count: number): number[] {
  const found: number[] = [];
  for (let last = cron.next(after); last !== null && found.length < count; last = cron.next(last)) found.push(last);
  return found;
}

test('next instants are whole seconds and strictly increasing from any start', () => {
  const calendar = createCalendar();
  const anywhere = fc.oneof(
    zoneAndInstant,
    fc.record({
      timezone: fc.constantFrom(...zones),
      from: fc.oneof(
        fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, latestInstant, -1, 0),
      ),
    }),
  );
  fc.assert(
    fc.property(cronPattern, anywhere, (expression, { timezone, from }) => {
      const compiled = calendar.compile(expression, timezone);
      if (!compiled.ok) return;
      let last = from;
      for (const instant of take(compiled.value, from, 20)) {
        expect(instant).toBeGreaterThan(last);
        expect(instant % 1000).toBe(0);
        expect(instant).toBeGreaterThanOrEqual(0);
        expect(instant).toBeLessThanOrEqual(latestInstant);
        last = instant;
      }
    }),
    cases(100),
  );
});

test('what was asked before does not change an answer', () => {
  const calendar = createCalendar({ maxExpressions: 2 });
  fc.assert(
    fc.property(
      cronPattern,
      zoneAndInstant,
      fc.array(fc.integer({ min: -48 * hour, max: 48 * hour }), { minLength: 1, maxLength: 6 }),
      (expression, { timezone, from }, steps) => {
        const shared = calendar.compile(expression, timezone);
        if (!shared.ok) return;
        for (const step of [0, ...steps])
          expect(shared.value.next(from + step)).toBe(compile(expression, timezone).next(from + step));
      },
    ),
    cases(15),
  );
});

describe('the zone of the process', () => {
  const before = process.env.TZ;
  afterEach(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });

  test('does not change any instant', () => {
    const samples = fc.sample(fc.tuple(cronPattern, zoneAndInstant), { numRuns: 20, seed: 1 });
    const offsets = new Set<number>();
    const answers = ['UTC', 'America/New_York', 'Pacific/Apia', 'Asia/Kathmandu', 'Australia/Lord_Howe'].map((zone) => {
      process.env.TZ = zone;
      offsets.add(new Date(start).getTimezoneOffset());
      const calendar = createCalendar();
      return samples.map(([expression, { timezone, from }]) => {
        const compiled = calendar.compile(expression, timezone);
        return compiled.ok ? take(compiled.value, from, 20) : compiled.errors;
      });
    });
    expect(offsets.size).toBe(5);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });
});

describe('a fixed daily time', () => {
  // Vostok once moved its clock by seven hours: too far to be made up for.
  test.each(zones.filter((zone) => zone !== 'Antarctica/Vostok'))('fires once a day all year round in %s', (zone) => {
    const calendar = createCalendar();
    for (const year of [1994, 2011, 2018, 2026])
      for (const time of ['0 0', '30 1', '30 2', '30 23']) {
        const instants = take(compile(`${time} * * *`, zone, calendar), Date.UTC(year, 0), 364);
        instants.slice(1).forEach((instant, index) => {
          const apart = (instant - (instants[index] as number)) / hour;
          expect(apart, `${time} before ${new Date(instant).toISOString()}`).toBeGreaterThanOrEqual(21);
          expect(apart, `${time} before ${new Date(instant).toISOString()}`).toBeLessThanOrEqual(27);
        });
      }
  });
});

describe('a change of the clock', () => {
  const texts = (expression: string, zone: string, from: string, count: number) =>
    take(compile(expression, zone), Date.parse(from), count).map((ms) => new Date(ms).toISOString().slice(0, 19));

  test('a fixed minute at every second is fixed: its sixty times in a gap are one, and it fires in the first pass only', () => {
    expect(texts('* 30 2 * * *', 'America/New_York', '2025-03-09T06:00:00Z', 2)).toEqual([
      '2025-03-09T07:00:00',
      '2025-03-10T06:30:00',
    ]);
    expect(texts('* 30 1 * * *', 'America/New_York', '2025-11-02T05:30:58Z', 2)).toEqual([
      '2025-11-02T05:30:59',
      '2025-11-03T06:30:00',
    ]);
  });

  test('from within the second pass the next fixed time is the one after it', () => {
    expect(texts('0,30 1,2 * * *', 'America/New_York', '2025-11-02T06:10:00Z', 2)).toEqual([
      '2025-11-02T07:00:00',
      '2025-11-02T07:30:00',
    ]);
  });

  test('a gap of three hours is made up for, one of seven is not', () => {
    expect(texts('0 3 * * *', 'Antarctica/Casey', '2016-10-20T20:00:00Z', 2)).toEqual([
      '2016-10-21T16:00:00',
      '2016-10-22T16:00:00',
    ]);
    expect(texts('0 3 * * *', 'Antarctica/Vostok', '1994-10-31T12:00:00Z', 2)).toEqual([
      '1994-11-01T20:00:00',
      '1994-11-02T20:00:00',
    ]);
  });
});

describe('the search ends', () => {
  const within = (ms: number, work: () => void) => {
    // The best of three: a busy machine is no fault.
    const times = [1, 2, 3].map(() => {
      const startedAt = performance.now();
      work();
      return performance.now() - startedAt;
    });
    expect(Math.min(...times)).toBeLessThan(ms);
  };

  test.each([
    '0 0 30 2 *',
    '0 0 31 2,4,6,9,11 *',
    '0 0 1-7 * +MON#2',
    '0 0 31W 2 *',
    '* * * 1-7 * +MON#2 2026-9999',
    '0 0 LW * +SUN',
  ])('%s is known at once to have no date', (expression) => {
    within(300, () => {
      const compiled = createCalendar().compile(expression, 'Europe/Berlin');
      expect(compiled.ok ? null : compiled.errors).toEqual([
        { pointer: '#/cron', detail: `"${expression}" can never fire: there is no such date` },
      ]);
    });
  });

  test.each([
    ['0 0 0 29 2 * 2027', null],
    ['0 0 0 29 2 * 2025-9999/4', null],
    ['0 0 0 29 2 +MON 2027-9999/2', null],
    // 2037 is the same kind of year as 2026, which has no match left.
    ['0 0 0 1 1 * 2026,2037', '2037-01-01T00:00:00.000Z'],
    ['* * * 29 2 * 2027-9997/2', null],
    ['0 0 0 1 1 * 2020-2026', null],
    ['0 0 0 29 2 +MON 2027-9999', '2044-02-29T00:00:00.000Z'],
    ['* * * 29 2 +MON', '2044-02-29T00:00:00.000Z'],
    ['0 0 0 31 12 * 9999', '9999-12-31T00:00:00.000Z'],
    ['0 0 0 29 2 * */100', '2400-02-29T00:00:00.000Z'],
    ['0 0 0 1 1 * */4', '2028-01-01T00:00:00.000Z'],
  ])('%s after New Year 2026 fires next: %s', (expression, instant) => {
    within(300, () => {
      const next = compile(expression).next(start);
      expect(next === null ? null : new Date(next).toISOString()).toBe(instant);
    });
  });

  test('a yearly pattern goes on to the last year that can be written', () => {
    const instants = take(compile('0 0 29 2 *'), start, 10_000);
    expect(new Date(instants.at(-1) as number).getUTCFullYear()).toBe(9996);
    expect(instants).toHaveLength(1_933);
  });
});

describe('memory', () => {
  test('the same pattern in the same zone is one object', () => {
    const calendar = createCalendar();
    expect(compile('0 2 * * *', 'Europe/Berlin', calendar)).toBe(compile('0 2 * * *', 'Europe/Berlin', calendar));
    expect(compile('0 2 * * *', 'Europe/Berlin', calendar)).not.toBe(compile('0 2 * * *', 'Europe/Paris', calendar));
  });

  test('a compiled pattern works on after the calendar let its croner object go', () => {
    const calendar = createCalendar({ maxExpressions: 1 });
    const first = compile('0 2 * * *', 'UTC', calendar);
    for (let minute = 0; minute < 60; minute++) compile(`${minute} 3 * * *`, 'UTC', calendar).next(start);
    expect(take(first, start, 2)).toEqual([start + 2 * hour, start + 26 * hour]);
  });
});

describe('zones', () => {
  test.each([
    'UTC',
    'Europe/Berlin',
    'europe/berlin',
    'US/Eastern',
    'Asia/Calcutta',
    'America/Argentina/Buenos_Aires',
    'Etc/GMT+5',
    'EST',
    'EST5EDT',
    'GB',
  ])('%s is one', (zone) => {
    expect(createCalendar().compile('0 0 * * *', zone).ok).toBe(true);
  });

  test.each([
    '',
    ' UTC',
    'Mars/Olympus',
    '../../etc/passwd',
    '+05:30',
    'UTC+2',
    'IST',
    'BST',
    'PST',
    'SystemV/PST8',
    'Europe/Berlin\0',
    'local',
  ])('"%s" is none', (zone) => {
    const compiled = createCalendar().compile('0 0 * * *', zone);
    expect(compiled.ok ? [] : compiled.errors.map(({ pointer }) => pointer)).toEqual(['#/timezone']);
  });
});
