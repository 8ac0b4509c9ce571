import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../../../src/domain/input/instant.ts';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { describeSchedule } from '../../../../src/domain/schedule/describe.ts';
import { compileSchedule, nextInstant, readSchedule } from '../../../../src/domain/schedule/schedule.ts';
import { cases } from '../../cases.ts';
import { occurrencesBetween } from '../../oracle/cron-oracle.ts';
import { zoneTable } from '../../oracle/zone-table.ts';
import { cronPattern } from './cron-arbitraries.ts';

const day = 86_400_000;
const now = Date.UTC(2026, 0);
const context = { now, graceMs: 60_000 };
const text = (ms: number) => new Date(ms).toISOString();

describe('cron instants are those of the oracle', () => {
  const zones = [
    'America/New_York',
    'Europe/Berlin',
    'Europe/London',
    'Europe/Dublin',
    'Australia/Lord_Howe',
    'America/Nuuk',
    'Asia/Beirut',
    'Antarctica/Troll',
    'America/Sao_Paulo',
    'Africa/Casablanca',
    'Pacific/Apia',
    'Asia/Kathmandu',
  ];

  test.each(zones)('in %s, from any instant of 1990 to 2037, most near a change of the clock', (timezone) => {
    const calendar = createCalendar({ maxExpressions: 20 });
    const start = fc
      .tuple(fc.integer({ min: 1990, max: 2037 }), fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([year, pick, away]) => {
        const changes = zoneTable(timezone, Date.UTC(year, 0), Date.UTC(year, 11, 31)).slice(1);
        const change = changes[pick % Math.max(changes.length, 1)];
        if (change === undefined || pick % 5 === 0) return Math.floor(Date.UTC(year, 0) + away * 360 * day);
        return Math.floor(change.start + (away - 0.8) * 2 * day);
      });
    fc.assert(
      fc.property(cronPattern, start, (cron, from) => {
        const compiled = calendar.compile(cron, timezone);
        const to = from + 40 * day;
        if (!compiled.ok) {
          expect(occurrencesBetween({ cron, timezone }, from, to)).toEqual([]);
          return;
        }
        const found: number[] = [];
        for (let next = compiled.value.next(from); next !== null && next <= to; next = compiled.value.next(next)) {
          found.push(next);
          if (found.length === 60) break;
        }
        const end = found.length === 60 ? (found.at(-1) as number) : to;
        expect(found.map(text)).toEqual(occurrencesBetween({ cron, timezone }, from, end).map(text));
      }),
      cases(12),
    );
  });

  test('when the clock goes back after the last time that the year field allows', () => {
    const calendar = createCalendar();
    const compiled = calendar.compile('0 */30 1 1 11 * 2026', 'America/New_York');
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
    expect(text(compiled.value.next(Date.parse('2026-11-01T05:30:00Z')) as number)).toBe('2026-11-01T06:00:00.000Z');
    expect(compiled.value.next(Date.parse('2026-11-01T06:30:00Z'))).toBeNull();
  });
});

describe('whatever is given as a schedule is read or refused, never thrown at', () => {
  const calendar = createCalendar({ maxExpressions: 20 });

  /** Reads it, and checks what must hold of any answer. */
  function check(input: unknown): void {
    const read = readSchedule(input, context, calendar);
    if (!read.ok) {
      expect(read.errors.length).toBeGreaterThan(0);
      for (const { pointer, detail } of read.errors) {
        expect(pointer).toMatch(/^#\/schedule(?:\/[\w.!~*'()%-]*)?$/);
        expect(detail.length).toBeGreaterThan(5);
        expect(detail.length).toBeLessThan(700);
      }
      return;
    }
    // The canonical form is its own canonical form.
    expect(readSchedule(read.value, context, calendar)).toEqual(read);
    expect(describeSchedule(read.value)).toMatch(/^\S.*\S$/s);
    const compiled = compileSchedule(read.value, calendar);
    if (compiled === null) throw new Error('not compiled');
    const next = nextInstant(compiled, now);
    if (compiled.kind === 'cron') expect(next).not.toBeNull();
    if (next !== null) {
      expect(next).toBeGreaterThan(now);
      expect(parseInstant(text(next))).toBe(next);
    }
  }

  test('any value', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    fc.assert(fc.property(fc.oneof(anything, fc.string({ unit: 'binary' }), fc.string()), check), {
      ...cases(200),
    });
  });

  test('the members of a schedule with wrong values, and others beside them', () => {
    const value = fc.oneof(
      fc.anything(),
      fc.string({ unit: 'binary' }),
      cronPattern,
      fc.constantFrom(
        '30s',
        'PT30S',
        '2026-12-01T09:00:00Z',
        'UTC',
        'Europe/Berlin',
        true,
        null,
        undefined,
        '0s',
        '3650d',
      ),
    );
    const member = fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('cron', 'every', 'at', 'delay', 'manual', 'timezone', 'anchor') },
      {
        weight: 1,
        arbitrary: fc.oneof(
          fc.constantFrom('__proto__', 'constructor', 'a/b~c d', '\ud800'),
          fc.string({ unit: 'binary' }),
        ),
      },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(member, value), { maxLength: 4 }), (members) => check(Object.fromEntries(members))),
      cases(200),
    );
  });

  test('valid patterns with a few characters changed', () => {
    const signs = fc.constantFrom(...'*,-/?#LW+@ \t\n0159aHMONSU\u00a0٣', '', '31', '99', 'MON', 'FEB');
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(2), signs), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(cronPattern, edits, (pattern, changes) => {
        let cron = pattern;
        for (const [place, removed, sign] of changes) {
          const at = place % (cron.length + 1);
          cron = cron.slice(0, at) + sign + cron.slice(at + removed);
        }
        check({ cron, timezone: 'Europe/Berlin' });
        check(cron);
      }),
      cases(200),
    );
  });

  test('deep, wide and long ones', () => {
    let deep: unknown = 'x';
    for (let depth = 0; depth < 50_000; depth++) deep = { cron: deep };
    check(deep);
    check({ cron: '* * * * *', timezone: deep });
    check(Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`m${index}`, index])));
    for (const part of [' ', '*', '*,', '1,', '-', '/', '#', 'L', '@', '0', '* * * * * '])
      for (const length of [50, 100_000]) check(part.repeat(length));
    check(`0 0 ${'1W,'.repeat(80)}1W * *`);
  });
});

describe('a pattern that can never fire is refused before long', () => {
  test.each([
    '0 0 31W 2 *',
    '0 0 30 2 +MON',
    '* * 31 4 *',
    '* * * 30 2 *',
    '0 0 1-7 * +MON#2',
    '0 0 0 29 2 * 2027,2029',
    '0 0 0 29 2 * 2025-9999/4',
    '0 0 0 1 1 * 2020-2025',
    '* * * 1 1 * 1970',
    '0 0 0 1W,2W,3W,31W 2 +MON#5,TUE#5 1970-9999',
    '* * * 31W 2,4,6,9,11 * 1970-9999',
    '0 0 1W,2W,3W,4W,5W,6W,7W,8W * +SUN,SAT',
  ])('%s', (cron) => {
    const startedAt = performance.now();
    const read = readSchedule({ cron, timezone: 'America/New_York' }, context, createCalendar());
    // Milliseconds; the bound leaves room for a busy machine.
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(read).toMatchObject({ ok: false, errors: [{ pointer: '#/schedule/cron' }] });
    if (!read.ok) expect(read.errors[0]?.detail).toContain('can never fire');
  });

  test.each([
    ['0 0 * 2 MON#5', '2044-02-29T00:00:00.000Z'],
    ['0 0 29 2 +MON', '2044-02-29T00:00:00.000Z'],
    ['0 0 0 29 2 * 2096-2104', '2096-02-29T00:00:00.000Z'],
    ['0 0 0 29 2 * 2097-2104', '2104-02-29T00:00:00.000Z'],
  ])('%s fires, though rarely: %s', (cron, instant) => {
    const compiled = createCalendar().compile(cron, 'UTC');
    expect(compiled.ok && text(compiled.value.next(now) as number)).toBe(instant);
  });
});

describe('a common mistake gets a sentence that says what to do', () => {
  test.each([
    ['60 * * * *', 'minute: 60 is out of range 0–59'],
    ['5m', 'a fixed rate is not cron; write {"every": "5m"}'],
    ['every 5 minutes', 'a fixed rate is not cron; write {"every": "5m"}'],
    ['daily', '"daily" is not a pattern; write "@daily"'],
    ['0 0 1 1 * 2 2030-2027', 'year: "2030-2027" runs backwards'],
    ['0 0 * * SAT-SUN', 'day of week: "SAT-SUN" ends with SUN, which is 0 and 7; write "0 0 * * SAT-7"'],
    ['0 0 * MON-FRI *', 'month: "MON" is a day of the week: that is the field after the month'],
    ['0 0 * * MONDAY', 'day of week: "MONDAY": names have three letters, such as MON; write "0 0 * * MON"'],
    ['0 0 1 * JAN', 'day of week: "JAN" is a month: that is the field before the day of the week'],
    ['0 0 * * fril', 'day of week: "fril": L and W are written in capitals; write "0 0 * * FRIL"'],
    ['0 0 15w * *', 'day of month: "15w": L and W are written in capitals; write "0 0 15W * *"'],
    ['0 0 * * L', 'day of week: "L" needs a day of the week before it, such as 5L'],
    ['0 0 * * MON#6', 'day of week: "MON#6": the number after # must be 1 to 5'],
    ['0 0 * * MON#1-FRI', 'day of week: "MON#1-FRI": one day, #, and a number from 1 to 5, such as MON#1'],
    ['1,,2 * * * *', 'minute: "" is incomplete, an empty place in "1,,2"'],
    ['0 0 L,* * MON', 'day of month: "L,*" lists "*", which is every value'],
    [
      '0 10 ? * MON-FRI *',
      'hour: "?" may only stand for a day; a pattern of six fields begins with seconds; write "0 10 ? * MON-FRI"',
    ],
    [
      '0 0 1 1 * 2026',
      'day of week: 2026 is out of range 0–7: a year is the last of seven fields, seconds first; write "0 0 0 1 1 * 2026"',
    ],
    [
      'H(0-60) * * * *',
      'minute: "H(0-60)": H stands alone, or as H(a-b), H/n or H(a-b)/n with values in the range 0–59',
    ],
    [
      '* * * *',
      '"* * * *" has 4 fields: minute, hour, day of month, month; day of week is missing; there must be 5 (minute, hour, day of month, month, day of week), 6 (second first) or 7 (year last)',
    ],
  ])('%s: %s', (cron, detail) => {
    expect(readSchedule({ cron }, context, createCalendar())).toEqual({
      ok: false,
      errors: [{ pointer: '#/schedule/cron', detail }],
    });
  });

  test('what an error proposes instead of a range is accepted', () => {
    const calendar = createCalendar();
    fc.assert(
      fc.property(fc.nat(4), fc.nat(59), fc.nat(59), (place, from, to) => {
        const fields = ['*', '*', '*', '*', '*'];
        fields[place] = `${from}-${to}`;
        const read = readSchedule({ cron: fields.join(' ') }, context, calendar);
        const proposal = read.ok ? undefined : /write "(.*)"/.exec(read.errors[0]?.detail ?? '')?.[1];
        if (proposal === undefined) return;
        expect(readSchedule({ cron: proposal }, context, calendar)).toMatchObject({ ok: true });
      }),
      cases(200),
    );
  });
});
