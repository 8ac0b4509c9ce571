import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { occurrencesBetween } from './cron-oracle.ts';

type Vector = { id: string; kind: string; pattern: string; tz: string; from: string; expect: string[]; note?: string };

const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../vectors/cron.json', import.meta.url), 'utf8'));
const year = 366 * 86_400_000;
const between = (cron: string, timezone: string, from: string, to: string) =>
  occurrencesBetween({ cron, timezone }, Date.parse(from), Date.parse(to)).map((ms) =>
    new Date(ms).toISOString().replace('.000Z', 'Z'),
  );

describe('the oracle gives the known instants and none between them', () => {
  test.each(vectors.filter(({ kind }) => kind === 'truth' || kind === 'policy'))(
    '$id $pattern $tz: $note',
    ({ pattern, tz, from, expect: wanted }) => {
      expect(between(pattern, tz, from, wanted.at(-1) as string)).toEqual(wanted);
    },
  );

  test.each(vectors.filter(({ kind }) => kind === 'never'))('$id $pattern $tz: $note', ({ pattern, tz, from }) => {
    expect(occurrencesBetween({ cron: pattern, timezone: tz }, Date.parse(from), Date.parse(from) + 9 * year)).toEqual(
      [],
    );
  });
});

describe('worked out by hand', () => {
  test('the start is left out, the end belongs to it', () => {
    expect(between('0 * * * *', 'UTC', '2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z')).toEqual([
      '2026-01-01T01:00:00Z',
      '2026-01-01T02:00:00Z',
    ]);
  });

  test.each([
    // 2026: January begins on a Thursday, February and March on a Sunday; 31 January is a Saturday.
    ['0 0 1W 2 *', ['2026-02-02']],
    ['0 0 31W 1 *', ['2026-01-30']],
    ['0 0 LW 1 *', ['2026-01-30']],
    ['0 0 29W 2 *', []],
    ['0 0 * 1 MON#5', []],
    ['0 0 * 3 SUN#5', ['2026-03-29']],
    ['0 0 * 1 friL', ['2026-01-30']],
    ['0 0 1,L 2 ?', ['2026-02-01', '2026-02-28']],
    ['0 0 13 2 FRI', ['2026-02-06', '2026-02-13', '2026-02-20', '2026-02-27']],
    ['0 0 13 2-3 +FRI', ['2026-02-13', '2026-03-13']],
    ['0 0 */10 2 SUN', ['2026-02-01']],
    [
      '0 0 1-31/15 1 5-7/2',
      [
        '2026-01-01',
        '2026-01-02',
        '2026-01-04',
        '2026-01-09',
        '2026-01-11',
        '2026-01-16',
        '2026-01-18',
        '2026-01-23',
        '2026-01-25',
        '2026-01-30',
        '2026-01-31',
      ],
    ],
    ['0 0 0 1 1 * 2025,2027', []],
  ])('%s in 2026', (cron, days) => {
    expect(between(cron, 'UTC', '2025-12-31T23:59:59Z', '2026-12-31T23:59:59Z')).toEqual(
      days.map((day) => `${day}T00:00:00Z`),
    );
  });

  test('a fixed time in an overlap comes once, in a gap at its end; with an asterisk both follow real time', () => {
    expect(between('0,59 1 * * *', 'America/New_York', '2025-11-02T04:00:00Z', '2025-11-02T08:00:00Z')).toEqual([
      '2025-11-02T05:00:00Z',
      '2025-11-02T05:59:00Z',
    ]);
    expect(between('*/59 1 * * *', 'America/New_York', '2025-11-02T04:00:00Z', '2025-11-02T08:00:00Z')).toEqual([
      '2025-11-02T05:00:00Z',
      '2025-11-02T05:59:00Z',
      '2025-11-02T06:00:00Z',
      '2025-11-02T06:59:00Z',
    ]);
    expect(between('0-59/20 2,3 9 3 *', 'America/New_York', '2025-03-09T05:00:00Z', '2025-03-09T09:00:00Z')).toEqual([
      '2025-03-09T07:00:00Z',
      '2025-03-09T07:20:00Z',
      '2025-03-09T07:40:00Z',
    ]);
    expect(between('*/20 2 9 3 *', 'America/New_York', '2025-03-09T05:00:00Z', '2025-03-09T09:00:00Z')).toEqual([]);
  });
});

test('a year has as many minutes as it has, changes of the clock or not', () => {
  for (const timezone of ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe'])
    expect(occurrencesBetween({ cron: '* * * * *', timezone }, Date.UTC(2025, 0), Date.UTC(2026, 0))).toHaveLength(
      365 * 1440,
    );
});
