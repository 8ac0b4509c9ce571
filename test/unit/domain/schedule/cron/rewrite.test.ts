import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Warning } from '../../../../../src/domain/input/warning.ts';
import { createCalendar } from '../../../../../src/domain/schedule/calendar.ts';
import {
  compileSchedule,
  nextInstant,
  readSchedule,
  type Schedule,
} from '../../../../../src/domain/schedule/schedule.ts';

const calendar = createCalendar();
const now = Date.UTC(2026, 0, 1, 12);

function read(input: unknown, taskId: string | null = 'nightly') {
  const warnings: Warning[] = [];
  const schedule = readSchedule(
    input,
    { now, graceMs: 60_000, taskId, warn: (code, pointer, detail) => warnings.push({ code, pointer, detail }) },
    calendar,
  );
  if (!schedule.ok) throw new Error(`${JSON.stringify(input)}: ${JSON.stringify(schedule.errors)}`);
  return { schedule: schedule.value, codes: warnings.map(({ code }) => code), warnings };
}

function instants(schedule: Schedule, count = 20): string[] {
  const compiled = compileSchedule(schedule, calendar);
  if (compiled === null) throw new Error('not compiled');
  const found: string[] = [];
  for (let last: number | null = now; found.length < count; ) {
    last = nextInstant(compiled, last);
    if (last === null) break;
    found.push(new Date(last).toISOString());
  }
  return found;
}

const cron = (text: string, timezone = 'UTC') => ({ cron: text, timezone });

describe('what other systems allow is written out, and fires as it does there', () => {
  test.each([
    ['0 0/15 * * * ?', '0 0-59/15 * * * ?', '0 0,15,30,45 * * * *', ['step_written_out']],
    ['7/15 * * * *', '7-59/15 * * * *', '7,22,37,52 * * * *', ['step_written_out']],
    ['59/15 * * * *', '59 * * * *', '59 * * * *', ['step_written_out']],
    ['0 0 1/7 * *', '0 0 1-31/7 * *', '0 0 1,8,15,22,29 * *', ['step_written_out', 'uneven_step']],
    ['0 12 1/2 * MON', '0 12 1-31/2 * MON', '0 12 1-31/2 * MON', ['step_written_out', 'uneven_step', 'either_day']],
    ['0 0 * * MON/2', '0 0 * * MON-SAT/2', '0 0 * * 1,3,5', ['step_written_out', 'uneven_step']],
    ['0 0 * * 0/2', '0 0 * * 0-6/2', '0 0 * * 0,2,4,6', ['step_written_out', 'uneven_step']],
    ['0 0 * * 7/3', '0 0 * * 0-6/3', '0 0 * * 0,3,6', ['step_written_out', 'uneven_step']],
    ['0 0 1 JAN/3 *', '0 0 1 JAN-DEC/3 *', '0 0 1 1,4,7,10 *', ['step_written_out']],
    ['0 0 0 1 1 ? 2027/2', '0 0 0 1 1 ? 2027-9999/2', '0 0 0 1 1 ? 2027-9999/2', ['step_written_out']],
    ['0 22-6 * * *', '0 22-23,0-6 * * *', '0 0,1,2,3,4,5,6,22,23 * * *', ['range_wrapped']],
    ['0 23-0 * * *', '0 23,0 * * *', '0 0,23 * * *', ['range_wrapped']],
    ['0 20-8/5 * * *', '0 20,1,6 * * *', '0 1,6,20 * * *', ['range_wrapped']],
    ['50-10/5 * * * *', '50,55,0-10/5 * * * *', '50,55,0,5,10 * * * *', ['range_wrapped']],
    ['0 0 28-3 * *', '0 0 28-31,1-3 * *', '0 0 1,2,3,28,29,30,31 * *', ['range_wrapped']],
    ['0 0 28-3/2 * *', '0 0 28,30,1,3 * *', '0 0 1,3,28,30 * *', ['range_wrapped']],
    ['0 0 1 NOV-FEB *', '0 0 1 NOV-DEC,JAN-FEB *', '0 0 1 1,2,11,12 *', ['range_wrapped']],
    ['0 0 1 11-2 *', '0 0 1 11-12,1-2 *', '0 0 1 1,2,11,12 *', ['range_wrapped']],
    ['0 0 * * FRI-MON', '0 0 * * FRI-SAT,SUN-MON', '0 0 * * 5,6,0,1', ['range_wrapped']],
    ['0 0 * * fri-mon/2', '0 0 * * FRI,SUN', '0 0 * * 5,0', ['range_wrapped']],
    ['0 0 * * 5-0', '0 0 * * 5-6,0', '0 0 * * 5,6,0', ['range_wrapped']],
    ['0 0 * * 7-2', '0 0 * * 0-2', '0 0 * * 0,1,2', ['range_wrapped']],
    ['0 0 13 * +SAT-MON', '0 0 13 * +SAT,SUN-MON', '0 0 13 * +6,0,1', ['range_wrapped']],
    ['0 0 * * FRI#L', '0 0 * * FRIL', '0 0 * * 5L', ['last_weekday_written_out']],
    ['0 0 * * MON#2,5#L', '0 0 * * MON#2,5L', '0 0 * * 1#2,5L', ['last_weekday_written_out']],
    ['0 0 L-0 * *', '0 0 L * *', '0 0 L * *', ['last_weekday_written_out']],
    ['\u00a0\t0 12 * * *\r\n', '0 12 * * *', '0 12 * * *', ['blanks_removed']],
    ['0\t12\n*  * *', '0 12 * * *', '0 12 * * *', ['blanks_removed']],
  ])('%s is %s', (given, written, meaning, codes) => {
    const { schedule, codes: told, warnings } = read({ cron: given });
    expect(schedule).toEqual(cron(written));
    expect(told).toEqual(codes);
    expect(new Set(warnings.map(({ pointer }) => pointer))).toEqual(new Set(['#/schedule/cron']));
    expect(instants(schedule)).toEqual(instants(read({ cron: meaning }).schedule));
    // What is echoed can be sent back, and nothing is rewritten then.
    const again = read(schedule);
    expect(again.schedule).toEqual(schedule);
    expect(again.codes).toEqual(codes.filter((code) => ['uneven_step', 'either_day'].includes(code)));
  });

  test.each([
    ['CRON_TZ=Europe/Berlin 0 9 * * *', '0 9 * * *', 'Europe/Berlin'],
    ['TZ=Asia/Tokyo @daily', '@daily', 'Asia/Tokyo'],
    [' TZ="Asia/Tokyo"\t0 9 * * *', '0 9 * * *', 'Asia/Tokyo'],
  ])('%s', (given, written, zone) => {
    expect(read(given).schedule).toEqual(cron(written, zone));
    expect(read({ cron: given, timezone: zone }).schedule).toEqual(cron(written, zone));
    expect(read({ cron: given }).codes).toContain('zone_moved');
    expect(read(given).warnings[0]?.pointer).toBe('#/schedule');
  });

  test('blanks around every other text of a schedule', () => {
    expect(read({ cron: '0 9 * * *', timezone: ' Europe/Berlin\n' })).toMatchObject({
      schedule: cron('0 9 * * *', 'Europe/Berlin'),
      codes: ['blanks_removed'],
    });
    for (const text of [' @every 5m', '@every  5m', '@every 5m\n'])
      expect(read(text)).toMatchObject({ schedule: { every: '5m' }, codes: ['blanks_removed'] });
    expect(read({ every: '\t5m ' })).toMatchObject({ schedule: { every: '5m' }, codes: ['blanks_removed'] });
    expect(read({ at: '2026-12-01T09:00:00Z\n' })).toMatchObject({
      schedule: { at: '2026-12-01T09:00:00.000Z' },
      codes: ['blanks_removed'],
    });
  });
});

describe('L-n is the last day less n', () => {
  test.each([
    ['0 0 L-3 * *', ['2026-01-28', '2026-02-25', '2026-03-28', '2026-04-27']],
    ['0 0 L-30 * *', ['2026-03-01', '2026-05-01', '2026-07-01', '2026-08-01']],
    ['0 0 1,L-1 2 *', ['2026-02-01', '2026-02-27', '2027-02-01', '2027-02-27', '2028-02-01', '2028-02-28']],
    ['0 0 L-27 2 *', ['2026-02-01', '2027-02-01', '2028-02-02']],
    ['0 0 L-3 * +MON', ['2026-04-27', '2026-09-27'].slice(0, 1)],
    ['0 0 L-3 3 SUN', ['2026-03-01', '2026-03-08', '2026-03-15', '2026-03-22', '2026-03-28', '2026-03-29']],
  ])('%s', (pattern, days) => {
    const { schedule } = read({ cron: pattern });
    expect(schedule).toEqual(cron(pattern));
    expect(instants(schedule, days.length)).toEqual(days.map((day) => `${day}T00:00:00.000Z`));
  });

  test('and is counted as it fires', () => {
    const compiled = compileSchedule(read({ cron: '*/20 9 1,L-3,L-30 * *' }).schedule, calendar);
    if (compiled?.kind !== 'cron') throw new Error('not compiled');
    const upTo = Date.UTC(2029, 5, 5);
    let count = 0;
    for (let at = compiled.cron.next(now); at !== null && at <= upTo; at = compiled.cron.next(at)) count++;
    expect(compiled.cron.count(now, upTo)).toBe(count);
  });
});

describe('H is a value that the task id decides', () => {
  const item = (pattern: string, place: number, id: string | null) =>
    ('cron' in read({ cron: pattern }, id).schedule
      ? (read({ cron: pattern }, id).schedule as { cron: string }).cron
      : ''
    ).split(' ')[place] as string;

  test('the same for the same id, another for most others, spread over the whole range', () => {
    const values = Array.from({ length: 300 }, (_, index) => Number(item('H * * * *', 0, `task-${index}`)));
    expect(values).toEqual(Array.from({ length: 300 }, (_, index) => Number(item('H * * * *', 0, `task-${index}`))));
    expect(new Set(values).size).toBeGreaterThan(50);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(59);
  });

  test.each([
    ['H H * * *', /^[0-5]?\d 1?\d|2[0-3] \* \* \*$/],
    ['H(0-29)/10 * * * *', /^\d-29\/10 \* \* \* \*$/],
    ['H/15 * * * *', /^(?:\d|1[0-4])-59\/15 \* \* \* \*$/],
    ['0 H(22-23) * * *', /^0 2[23] \* \* \*$/],
    ['0 0 H * *', /^0 0 (?:[1-9]|1\d|2[0-8]) \* \*$/],
    ['0 0 1 H *', /^0 0 1 (?:[1-9]|1[0-2]) \*$/],
    ['0 0 * * H(MON-FRI)', /^0 0 \* \* [1-5]$/],
    ['H,30 * * * *', /^\d+,30 \* \* \* \*$/],
    ['H * * * * *', /^\d+ \* \* \* \* \*$/],
    ['H/45 * * * *', /^(?:\d|[1-4]\d)(?:-59\/45)? \* \* \* \*$/],
  ])('%s', (pattern, written) => {
    for (const id of ['a', 'b', 'nightly-report', '0193a5b0-0000-7000-8000-000000000000']) {
      const { schedule, codes } = read({ cron: pattern }, id);
      expect((schedule as { cron: string }).cron).toMatch(written);
      expect(codes).toContain('hash_resolved');
      expect(codes).not.toContain('hash_without_id');
      expect(read(schedule, id).schedule).toEqual(schedule);
    }
  });

  test('hours and minutes are not tied to each other', () => {
    const pairs = Array.from({ length: 200 }, (_, index) => {
      const { cron: written } = read({ cron: 'H(0-9) H(0-9) * * *' }, `t${index}`).schedule as { cron: string };
      return written;
    });
    expect(new Set(pairs).size).toBeGreaterThan(60);
  });

  test('without an id a warning says so', () => {
    expect(read({ cron: 'H * * * *' }, null).codes).toContain('hash_without_id');
  });
});

describe('durations and local times', () => {
  test.each([
    [{ every: '1.5h' }, '1h30m'],
    [{ every: '2w' }, '14d'],
    [{ every: 'P1W' }, '7d'],
    [{ every: 'PT1.5H' }, '1h30m'],
    [{ every: '0.5s' }, '500ms'],
    ['@every 1.5h', '1h30m'],
  ])('%o', (input, every) => {
    expect(read(input)).toMatchObject({ schedule: { every }, codes: ['duration_written_out'] });
  });

  test.each([{ every: '90s' }, { every: '24h' }, { every: 'PT30S' }])('%o needs no warning', (input) => {
    expect(read(input).codes).toEqual([]);
  });

  test.each([
    ['2026-12-01T09:00', 'Europe/Berlin', '2026-12-01T08:00:00.000Z', []],
    ['2026-12-01T09:00:30.5', 'America/New_York', '2026-12-01T14:00:30.500Z', []],
    ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:00:00.000Z', ['local_time_skipped']],
    ['2026-03-29T02:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z', ['local_time_skipped']],
    ['2026-03-29T03:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z', []],
    ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z', ['local_time_repeated']],
    ['2026-10-25T03:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z', []],
    ['2026-04-05T01:45', 'Australia/Lord_Howe', '2026-04-04T14:45:00.000Z', ['local_time_repeated']],
    ['2026-12-01T09:00', 'UTC', '2026-12-01T09:00:00.000Z', []],
  ])('%s in %s', (at, timezone, instant, codes) => {
    expect(read({ at, timezone })).toMatchObject({
      schedule: { at: instant },
      codes: ['local_time_resolved', ...codes],
    });
    expect(read({ at: instant }).codes).toEqual([]);
  });
});

describe('what is probably not meant', () => {
  test.each([
    ['0 0 13 * 5', ['either_day']],
    ['0 0 13 * +5', []],
    ['0 0 */2 * 5', ['uneven_step']],
    ['*/59 * * * *', ['uneven_step']],
    ['*/60 * * * *', ['single_step']],
    ['50/20 * * * *', ['step_written_out', 'single_step']],
    ['0 12 * * FRI/2', ['step_written_out', 'single_step']],
    ['0 9-11/5 * * *', ['single_step']],
    ['0 */7 * * *', ['uneven_step']],
    ['0 */6 * * *', []],
    ['0 8-18/3 * * *', []],
    ['* * * * * *', ['every_second']],
    ['* 0 12 * * *', ['every_second']],
    ['* 2 * * *', ['every_minute']],
    ['* 9-17 * * MON-FRI', []],
    ['* * * * *', []],
    ['0 0 12 ? * 2', ['quartz_weekday']],
    ['0 0 12 ? * MON', []],
    ['0 0 12 ? * MON#2', []],
    ['0 0 31 * *', ['short_months']],
    ['0 0 31 1,3 *', []],
    ['0 0 29 2 *', ['rare']],
    ['0 0 1 1 *', []],
    ['0 0 0 1 1 * 2030', []],
    ['0 0 * * *', []],
    ['@daily', []],
    ['0 0,12 * * *', []],
  ])('%s: %o', (pattern, codes) => {
    expect(read({ cron: pattern }).codes).toEqual(codes);
  });

  test.each([
    ['30 2 * * *', 'Europe/Berlin', ['clock_change']],
    ['0 2 * * *', 'Europe/Berlin', ['clock_change']],
    ['0 3 * * *', 'Europe/Berlin', []],
    ['*/15 2 * * *', 'Europe/Berlin', ['clock_change']],
    ['*/15 * * * *', 'Europe/Berlin', []],
    ['30 */2 * * *', 'Europe/Berlin', []],
    ['0 * * * *', 'Europe/Berlin', []],
    ['30 2 * * *', 'Asia/Tokyo', []],
    ['30 2 1 * *', 'Europe/Berlin', []],
    ['30 2 * * SUN', 'Europe/Berlin', ['clock_change']],
  ])('%s in %s: %o', (pattern, timezone, codes) => {
    expect(read({ cron: pattern, timezone }).codes).toEqual(codes);
  });
});

test('any range and step that is accepted matches what a ring of values gives', () => {
  const fields = [
    [0, 59],
    [0, 23],
    [1, 31],
    [1, 12],
    [0, 6],
  ] as const;
  fc.assert(
    fc.property(fc.nat(4), fc.nat(59), fc.nat(59), fc.integer({ min: 1, max: 30 }), (place, a, b, step) => {
      const [least, most] = fields[place] as readonly [number, number];
      const size = most - least + 1;
      const [from, to] = [least + (a % size), least + (b % size)];
      const parts = ['0', '0', '*', '*', '*'];
      parts[place] = `${from}-${to}/${Math.min(step, size)}`;
      const ring: number[] = [];
      for (let value = from; value <= (to < from ? to + size : to); value += Math.min(step, size))
        ring.push(((value - least) % size) + least);
      const meant = [...parts];
      meant[place] = ring.join(',');
      const written = (list: string[]) => instants(read({ cron: list.join(' ') }).schedule, 40);
      expect(written(parts)).toEqual(written(meant));
    }),
    { numRuns: 150 },
  );
});
