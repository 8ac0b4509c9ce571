/** The heat map of the load: its rows of hours, its levels, its groups, and how keys go along it. */

import { describe, expect, test } from 'vitest';
import { dayFrom, heatRows, keyTotals, levelOf, scaleOf, stepped } from '../../../console/src/pages/load/heat.ts';

const minuteMs = 60_000;
const at = Date.parse('2026-12-01T12:20:30.000Z');
const day = dayFrom(at);

describe('the map', () => {
  test('has a day of minutes from now on, in rows of full hours, the first and the last one in parts', () => {
    const rows = heatRows([], day);
    expect(rows).toHaveLength(25);
    expect(rows[0]?.minutes.slice(18, 22)).toEqual([null, null, 0, 0]);
    expect(rows[24]?.minutes.slice(18, 22)).toEqual([0, 0, null, null]);
    expect(rows.flatMap(({ minutes }) => minutes.filter((fires) => fires !== null))).toHaveLength(1_440);
    expect(heatRows([], dayFrom(Date.parse('2026-12-01T12:00:00.000Z')))).toHaveLength(24);
  });

  test('puts each bucket at its hour and minute, and adds up those of several keys', () => {
    const buckets = [3, 4].map((fires) => ({ at: '2026-12-01T14:05:00.000Z', fires }));
    expect(heatRows(buckets, day)[2]?.minutes[5]).toBe(7);
  });

  test('begins its hours where those of the zone begin', () => {
    const [first] = heatRows([{ at: '2026-12-01T12:30:00.000Z', fires: 1 }], day, 30);
    expect(new Date(first?.start ?? 0).toISOString()).toBe('2026-12-01T11:30:00.000Z');
    expect(heatRows([{ at: '2026-12-01T12:30:00.000Z', fires: 1 }], day, 30)[1]?.minutes[0]).toBe(1);
  });
});

test('a minute in which anything fires is told from one in which nothing does', () => {
  expect([0, 1, 250, 1_000].map((fires) => levelOf(fires, 1_000))).toEqual([0, 1, 2, 5]);
  expect(levelOf(0, 0)).toBe(0);
});

test('the legend names the least number of each level', () => {
  for (const most of [1, 2, 7, 1_000])
    for (const { level, least } of scaleOf(most)) {
      expect(levelOf(least, most)).toBe(level);
      expect(levelOf(least - 1, most)).toBeLessThan(level);
    }
  expect(scaleOf(1)).toEqual([{ level: 5, least: 1 }]);
});

test('groups are counted, the greatest first, tasks without the label as one of them', () => {
  const at = new Date(day.from + minuteMs).toISOString();
  const buckets = [
    { at, key: 'a', fires: 1 },
    { at, key: null, fires: 5 },
    { at, key: 'a', fires: 2 },
  ];
  expect(keyTotals(buckets)).toEqual([
    { key: null, fires: 5 },
    { key: 'a', fires: 3 },
  ]);
});

test('arrow keys go from minute to minute and stop at the edges', () => {
  expect(stepped({ row: 0, minute: 0 }, 'ArrowDown', 24)).toEqual({ row: 1, minute: 0 });
  expect(stepped({ row: 0, minute: 0 }, 'ArrowLeft', 24)).toEqual({ row: 0, minute: 0 });
  expect(stepped({ row: 23, minute: 59 }, 'ArrowRight', 24)).toEqual({ row: 23, minute: 59 });
});
