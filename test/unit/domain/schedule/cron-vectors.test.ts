import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { compileSchedule, nextInstant, readSchedule } from '../../../../src/domain/schedule/schedule.ts';

type Vector = { id: string; kind: string; pattern: string; tz: string; from: string; expect: string[]; note?: string };

const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../../vectors/cron.json', import.meta.url), 'utf8'));
const calendar = createCalendar();
const read = ({ pattern, tz, from }: Vector) =>
  readSchedule({ cron: pattern, timezone: tz }, { now: Date.parse(from), graceMs: 60_000 }, calendar);

describe('known instants', () => {
  test.each(vectors.filter(({ kind }) => kind === 'truth' || kind === 'policy'))(
    '$id $pattern $tz: $note',
    (vector) => {
      const schedule = read(vector);
      if (!schedule.ok) throw new Error(JSON.stringify(schedule.errors));
      const compiled = compileSchedule(schedule.value, calendar);
      if (!compiled) throw new Error('not compiled');
      const instants: string[] = [];
      let last: number | null = Date.parse(vector.from);
      while (instants.length < vector.expect.length) {
        last = nextInstant(compiled, last);
        if (last === null) break;
        instants.push(new Date(last).toISOString().replace('.000Z', 'Z'));
      }
      expect(instants).toEqual(vector.expect);
      if (/then no more|last second of a year/.test(vector.note ?? '') && last !== null)
        expect(nextInstant(compiled, last)).toBeNull();
    },
  );
});

/** Refused when the table was made; now written out, with a warning. */
const writtenOut: Record<string, { cron: string; code: string }> = {
  R09: { cron: '0 0 * * FRI-SAT,SUN-MON', code: 'range_wrapped' },
  R12: { cron: '0-59/15 * * * *', code: 'step_written_out' },
  R42: { cron: '0 0 L-3 * *', code: '' },
  R48: { cron: '0 0 * * *', code: 'zone_moved' },
};

test.each(vectors.filter(({ id }) => id in writtenOut))('$id $pattern is accepted, and written out', (vector) => {
  const warnings: string[] = [];
  const read = readSchedule(
    { cron: vector.pattern, timezone: vector.tz },
    { now: Date.parse(vector.from), graceMs: 60_000, warn: (code) => warnings.push(code) },
    calendar,
  );
  const { cron, code } = writtenOut[vector.id] as { cron: string; code: string };
  expect(read).toEqual({ ok: true, value: { cron, timezone: vector.tz } });
  expect(warnings).toEqual(code === '' ? [] : [code]);
});

describe('patterns refused at the door', () => {
  test.each(vectors.filter(({ id, kind }) => (kind.startsWith('reject') && !(id in writtenOut)) || kind === 'never'))(
    '$id $pattern $tz: $note',
    (vector) => {
      const schedule = read(vector);
      expect(schedule.ok).toBe(false);
      if (!schedule.ok) {
        expect(schedule.errors[0]?.pointer).toMatch(/^#\/schedule\/(cron|timezone)$/);
        expect(schedule.errors[0]?.detail.length).toBeGreaterThan(15);
      }
    },
  );

  test.each(vectors.filter(({ kind }) => kind === 'never'))('$id $pattern is found out within 50 ms', (vector) => {
    // The best of three: a busy machine is no fault.
    const times = [1, 2, 3].map(() => {
      const startedAt = performance.now();
      readSchedule(
        { cron: vector.pattern, timezone: vector.tz },
        { now: Date.parse(vector.from), graceMs: 0 },
        createCalendar(),
      );
      return performance.now() - startedAt;
    });
    expect(Math.min(...times)).toBeLessThan(50);
  });
});
