import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatInstant, latestInstant, parseInstant } from '../../../../src/domain/input/instant.ts';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import {
  type CompiledSchedule,
  compileSchedule,
  nextInstant,
  readSchedule,
} from '../../../../src/domain/schedule/schedule.ts';
import { cases } from '../../cases.ts';
import { cronPattern, zones } from './cron-arbitraries.ts';

const calendar = createCalendar();
const now = Date.UTC(2026, 0, 1, 12);
const context = { now, graceMs: 60_000 };
const read = (input: unknown) => readSchedule(input, context, calendar);

function faultOf(input: unknown): string {
  const schedule = read(input);
  if (schedule.ok) throw new Error(`accepted as ${JSON.stringify(schedule.value)}`);
  return schedule.errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('\n');
}

function compile(input: unknown): CompiledSchedule {
  const schedule = read(input);
  if (!schedule.ok) throw new Error(JSON.stringify(schedule.errors));
  const compiled = compileSchedule(schedule.value, calendar);
  if (compiled === null) throw new Error('not compiled');
  return compiled;
}

describe('every form is echoed in its canonical long form', () => {
  test.each([
    ['*/5 * * * *', { cron: '*/5 * * * *', timezone: 'UTC' }],
    ['  0   12 \t* * *  ', { cron: '0 12 * * *', timezone: 'UTC' }],
    ['@daily', { cron: '@daily', timezone: 'UTC' }],
    ['@every 90s', { every: '1m30s', anchor: '2026-01-01T12:00:00.000Z' }],
    ['@every PT30S', { every: '30s', anchor: '2026-01-01T12:00:00.000Z' }],
    ['2026-12-01T09:00:00+01:00', { at: '2026-12-01T08:00:00.000Z' }],
    [
      { cron: '0 2 * * mon', timezone: 'Europe/Berlin' },
      { cron: '0 2 * * mon', timezone: 'Europe/Berlin' },
    ],
    [
      { cron: '0 2 * * *', timezone: null, every: null },
      { cron: '0 2 * * *', timezone: 'UTC' },
    ],
    [{ every: '100ms' }, { every: '100ms', anchor: '2026-01-01T12:00:00.000Z' }],
    [
      { every: '24h', anchor: '2020-01-01T00:00:00Z' },
      { every: '1d', anchor: '2020-01-01T00:00:00.000Z' },
    ],
    [{ at: '2026-01-01T11:59:00Z' }, { at: '2026-01-01T11:59:00.000Z' }],
    [{ delay: '10m' }, { at: '2026-01-01T12:10:00.000Z' }],
    [{ delay: '0s' }, { at: '2026-01-01T12:00:00.000Z' }],
    [{ manual: true }, { manual: true }],
  ])('%o', (input, canonical) => {
    expect(read(input)).toEqual({ ok: true, value: canonical });
  });

  test('and the canonical form of any pattern is read as itself', () => {
    fc.assert(
      fc.property(cronPattern, fc.constantFrom(...zones), (cron, timezone) => {
        const schedule = read({ cron: ` ${cron.replaceAll(' ', ' \t')} `, timezone });
        if (schedule.ok) expect(schedule.value).toEqual({ cron, timezone });
        else expect(schedule.errors[0]?.detail).toContain('can never fire');
      }),
      cases(60),
    );
  });
});

describe('a refusal points to the field and says what is wrong', () => {
  test.each([
    [{ cron: '0 0 * 0 *' }, '#/schedule/cron month: 0 is out of range 1–12'],
    [{ cron: '0 0 0 1 1 * 1969' }, '#/schedule/cron year: 1969 is out of range 1970–9999'],
    [{ cron: '/15 * * * *' }, '#/schedule/cron minute: "/15": a step needs a range before it; write "*/15 * * * *"'],
    [{ cron: '5/61 * * * *' }, '#/schedule/cron minute: "5/61": a step of 61 is larger than the range 0–59'],
    [{ cron: '0 0 * * 1/8' }, '#/schedule/cron day of week: "1/8": a step of 8 is larger than the range 0–6'],
    [{ cron: '*/61 * * * *' }, '#/schedule/cron minute: "*/61": a step of 61 is larger than the range'],
    [{ cron: '*/0 * * * *' }, '#/schedule/cron minute: "*/0": the step must be a whole number of at least 1'],
    [
      { cron: '0 0 * * SAT-SUN' },
      '#/schedule/cron day of week: "SAT-SUN" ends with SUN, which is 0 and 7; write "0 0 * * SAT-7"',
    ],
    [{ cron: '0 0 * * SUN-SUN' }, '#/schedule/cron day of week: "SUN-SUN" ends with SUN'],
    [{ cron: '0 0 1,LW * *' }, '#/schedule/cron day of month: LW, the last working day, cannot be part of a list'],
    [
      { cron: '0 0 L-3W * *' },
      '#/schedule/cron day of month: "L-3W": W takes a single day from 1 to 31, or stands in LW, the last working day',
    ],
    [
      { cron: '0 0 L-31 * *' },
      '#/schedule/cron day of month: "L-31": of days counted from the last one there are 1 to 30',
    ],
    [{ cron: '0 0 L-3W * *' }, '#/schedule/cron day of month'],
    [{ cron: '0 0 1-15W * *' }, '#/schedule/cron day of month: "1-15W": W takes a single day'],
    [{ cron: '0 0 l * *' }, '#/schedule/cron day of month: "l": L and W are written in capitals'],
    [{ cron: '0 0 * * MON#6' }, '#/schedule/cron day of week: "MON#6": the number after # must be 1 to 5'],
    [{ cron: '0 0 * * L' }, '#/schedule/cron day of week'],
    [{ cron: '0 0 * * 8#L' }, '#/schedule/cron day of week'],
    [{ cron: '0 0 WL * *' }, '#/schedule/cron day of month'],
    [{ cron: '? * * * *' }, '#/schedule/cron minute'],
    [{ cron: '0 0 ?,1 * *' }, '#/schedule/cron day of month'],
    [{ cron: '0 0 * * +' }, '#/schedule/cron day of week'],
    [{ cron: '1,,2 * * * *' }, '#/schedule/cron minute: "" is incomplete'],
    [{ cron: '0\u00a00 * * *' }, '#/schedule/cron'],
    [{ cron: '* * * *' }, '#/schedule/cron "* * * *" has 4 fields'],
    [{ cron: '' }, '#/schedule/cron is empty'],
    [{ cron: ' \n' }, '#/schedule/cron is empty'],
    [{ cron: '@Daily' }, '#/schedule/cron "@Daily" is not written in small letters; write "@daily"'],
    [{ cron: '@every 5m' }, '#/schedule/cron a fixed rate is not cron; write {"every": "5m"}'],
    [{ cron: '@every 90s' }, '#/schedule/cron a fixed rate is not cron; write {"every": "90s"}'],
    [{ cron: '@sometimes' }, '#/schedule/cron "@sometimes" is none of @yearly, '],
    [
      { cron: 'TZ=UTC 0 0 * * *', timezone: 'Europe/Berlin' },
      '#/schedule/timezone is "Europe/Berlin", but "UTC" stands',
    ],
    [{ cron: 'TZ=Mars/Olympus 0 0 * * *' }, '#/schedule/cron "Mars/Olympus" is not a time zone'],
    [{ cron: '0 0 30 2 *' }, '#/schedule/cron "0 0 30 2 *" can never fire'],
    [{ cron: '0 0 0 1 1 * 2020' }, '#/schedule/cron "0 0 0 1 1 * 2020" can never fire'],
    [{ cron: '* '.repeat(200) }, '#/schedule/cron is too long: at most 256 characters'],
    [{ cron: 5 }, '#/schedule/cron must be text'],
    [{ cron: '0 0 * * *', timezone: 'Mars/Olympus' }, '#/schedule/timezone "Mars/Olympus" is not a time zone'],
    [{ cron: '0 0 * * *', timezone: 'A'.repeat(65) }, '#/schedule/timezone must be the IANA name'],
    [{ cron: '0 0 * * *', timezone: 2 }, '#/schedule/timezone must be the IANA name'],
    [{ cron: '0 0 * * *', anchor: '2026-01-01T00:00:00Z' }, '#/schedule/anchor belongs to "every" only'],
    [{ every: '99ms' }, '#/schedule/every must be at least 100ms, not 99ms'],
    [{ every: '1.5x' }, '#/schedule/every "1.5x" is not a duration'],
    [{ every: '4000d' }, '#/schedule/every "4000d" is too long: at most 3650d'],
    [{ every: '99999999999999999999d' }, '#/schedule/every "99999999999999999999d" is too long'],
    [{ every: '0.12345s' }, '#/schedule/every "0.12345s" is finer than a millisecond'],
    [{ every: '5 minutes' }, '#/schedule/every "5 minutes" is not a duration such as "30s" or "1h30m"; write "5m"'],
    [{ every: '90' }, '#/schedule/every "90" is not a duration such as "30s" or "1h30m": it has no unit'],
    [{ every: '1 month' }, '#/schedule/every "1 month" is not a duration such as "30s" or "1h30m": months and years'],
    [{ every: '*/5 * * * *' }, '#/schedule/every "*/5 * * * *" is a cron pattern; write {"cron": "*/5 * * * *"}'],
    [{ every: '1h', anchor: 'noon' }, '#/schedule/anchor must be an RFC 3339 instant'],
    [{ every: '1h', timezone: 'UTC' }, '#/schedule/timezone belongs to "cron" only'],
    [{ at: '2026-12-01T09:00:00Z', timezone: 'UTC' }, '#/schedule/timezone belongs to a local time, without offset'],
    [{ at: '2026-12-01T09:00' }, '#/schedule/at "2026-12-01T09:00" has no offset'],
    [{ at: '2026-12-01', timezone: 'UTC' }, '#/schedule/at "2026-12-01" is not an RFC 3339 instant'],
    [{ at: '2026-02-30T09:00', timezone: 'UTC' }, '#/schedule/at "2026-02-30T09:00" is not an RFC 3339 instant'],
    [{ at: '2026-12-01T09:00', timezone: 'Europa/Berlin' }, '#/schedule/timezone "Europa/Berlin" is not a time zone'],
    [{ at: '10m' }, '#/schedule/at "10m" is a duration; write {"delay": "10m"}'],
    [{ cron: '0 0 * * *', timezone: 'Europe/Berln' }, 'did you mean "Europe/Berlin"?'],
    [{ cron: '0 0 * * *', timezone: 'berlin' }, 'did you mean "Europe/Berlin"?'],
    [{ cron: '0 0 * * *', timezone: 'America/New York' }, 'did you mean "America/New_York"?'],
    [{ cron: '0 0 * * *', timezone: 'UTC+2' }, '"Etc/GMT-2", with the sign turned round'],
    [{ cron: '0 0 * * *', timeZone: 'UTC' }, '#/schedule/timeZone is not a known field; did you mean "timezone"?'],
    [{ at: '2026-01-01T11:58:59.999Z' }, '#/schedule/at 2026-01-01T11:58:59.999Z has passed'],
    [{ at: '2026-02-30T00:00:00Z' }, '#/schedule/at "2026-02-30T00:00:00Z" is not an RFC 3339 instant'],
    [{ delay: 'soon' }, '#/schedule/delay "soon" is not a duration'],
    [{ manual: false }, '#/schedule/manual must be true'],
    [{}, '#/schedule must have exactly one of cron, every, at, delay, manual'],
    [
      { cron: '@daily', every: '1h' },
      '#/schedule must have exactly one of cron, every, at, delay, manual, not cron and',
    ],
    [{ cron: '@daily', 'a/~b': 1 }, '#/schedule/a~1~0b is not a known field'],
    ['0 0 * 0 *', '#/schedule month: 0 is out of range 1–12'],
    ['@every 1ms', '#/schedule must be at least 100ms'],
    ['2026-12-01', '#/schedule "2026-12-01" is not an RFC 3339 instant'],
    ['2026-12-01 09:00:00Z', '#/schedule "2026-12-01 09:00:00Z" is not an RFC 3339 instant'],
    [`@every 30s${' '.repeat(300)}x`, '#/schedule is too long: at most 256 characters'],
    [null, '#/schedule must be text or an object'],
    [[], '#/schedule must be text or an object'],
    [42, '#/schedule must be text or an object'],
  ])('%o', (input, sentence) => {
    expect(faultOf(input)).toContain(sentence);
  });
});

describe('no input makes reading throw', () => {
  const mutated = fc
    .tuple(cronPattern, fc.nat(), fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom(...'*,-/?LW#+@\u00a0\n0')))
    .map(([cron, place, junk]) => {
      const at = place % (cron.length + 1);
      return `${cron.slice(0, at)}${junk}${cron.slice(at + (place % 2))}`;
    });
  const value = fc.oneof(mutated, cronPattern, fc.string(), fc.anything());
  const key = fc.constantFrom('cron', 'timezone', 'every', 'anchor', 'at', 'delay', 'manual', '__proto__', 'toString');
  const input = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
    value,
    fc.string({ unit: 'binary', maxLength: 600 }),
    fc.array(fc.tuple(key, value), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
    fc.record({ cron: mutated, timezone: fc.oneof(fc.constantFrom(...zones), fc.string()) }),
  );

  test('and what is accepted can be compiled, computed and read again', () => {
    fc.assert(
      fc.property(input, (anything) => {
        const schedule = read(anything);
        if (!schedule.ok) {
          expect(schedule.errors.length).toBeGreaterThan(0);
          for (const { pointer, detail } of schedule.errors) {
            expect(pointer).toMatch(/^#\/schedule/);
            expect(detail.length).toBeLessThan(500);
          }
          return;
        }
        const compiled = compileSchedule(schedule.value, calendar);
        expect(compiled).not.toBeNull();
        if (compiled) nextInstant(compiled, now);
        expect(read(schedule.value)).toEqual(schedule);
      }),
      cases(600),
    );
  });
});

describe('next instants', () => {
  test('a fixed rate counts from its anchor without drift', () => {
    const rate = fc.integer({ min: 100, max: 3_650 * 86_400_000 });
    const instant = fc.integer({ min: 0, max: Date.UTC(2200, 0) });
    fc.assert(
      fc.property(rate, instant, instant, (everyMs, anchorMs, after) => {
        const next = nextInstant({ kind: 'every', everyMs, anchorMs }, after) as number;
        expect(next).toBeGreaterThan(after);
        expect(next).toBeGreaterThanOrEqual(anchorMs);
        expect((next - anchorMs) % everyMs).toBe(0);
        expect(next === anchorMs || next - everyMs <= after).toBe(true);
      }),
    );
  });

  test('a fixed rate ends with the years that can be written', () => {
    expect(nextInstant(compile('@every 1h'), latestInstant)).toBeNull();
  });

  test('the anchor is an occurrence like any other', () => {
    const hourly = compile({ every: '1h', anchor: '2026-01-01T00:30:00Z' });
    const first = parseInstant('2026-01-01T00:30:00Z') as number;
    expect(nextInstant(hourly, first - 1)).toBe(first);
    expect(nextInstant(hourly, first)).toBe(first + 3_600_000);
    expect(nextInstant(hourly, 0)).toBe(first);
  });

  test('a single instant comes once, a manual schedule never', () => {
    const once = compile({ delay: '10m' });
    const at = nextInstant(once, now) as number;
    expect(formatInstant(at)).toBe('2026-01-01T12:10:00.000Z');
    expect(nextInstant(once, at)).toBeNull();
    expect(nextInstant(compile({ manual: true }), now)).toBeNull();
  });
});
