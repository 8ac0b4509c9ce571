/** The geometry of the timeline: its stretch, its axis, and where runs, misses and instants to come stand. */

import { describe, expect, test } from 'vitest';
import { rowsOf, type TimelineRun, type TimelineTask } from '../../../console/src/pages/timeline/layout.ts';
import { panned, stretchOf, zoomed } from '../../../console/src/pages/timeline/range.ts';
import { ticksOf } from '../../../console/src/pages/timeline/ticks.ts';

const hourMs = 3_600_000;
const noon = Date.parse('2026-12-01T12:00:00.000Z');
const iso = (at: number) => new Date(at).toISOString();

describe('the stretch', () => {
  test('is a day around now, unless the address says otherwise', () => {
    expect(stretchOf({}, noon)).toEqual({ range: 'day', at: null, from: noon - 12 * hourMs, to: noon + 12 * hourMs });
    expect(stretchOf({ range: 'year', at: 'soon' }, noon)).toEqual(stretchOf({}, noon));
    const { from, to } = stretchOf({ range: 'week', at: iso(noon - hourMs) }, noon);
    expect(to - from).toBe(168 * hourMs);
    expect((from + to) / 2).toBe(noon - hourMs);
  });

  test('stays the same for a while as time passes', () => {
    expect(stretchOf({}, noon + 60_000)).toEqual(stretchOf({}, noon));
    expect(stretchOf({}, noon + hourMs)).not.toEqual(stretchOf({}, noon));
  });

  test('is gone along by shares of its length, and zoomed to an end', () => {
    const day = stretchOf({ at: iso(noon) }, noon);
    expect(panned(day, 1 / 2)).toEqual({ range: 'day', at: iso(noon + 12 * hourMs) });
    expect(zoomed(day, 1)).toBe('week');
    expect(zoomed({ ...day, range: 'week' }, 1)).toBeUndefined();
  });
});

describe('the axis', () => {
  test('has its marks at full hours of the zone on the day its clock is put back', () => {
    const day = stretchOf({ at: '2026-10-25T10:00:00.000Z' }, noon);
    const labels = ticksOf(day, 'Europe/Berlin').map(({ label }) => label);
    expect(labels).toEqual(['Sun 25 Oct', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00']);
  });

  test('has its marks at midnights of a zone that is no full hour away from UTC', () => {
    const ticks = ticksOf(stretchOf({ range: 'week', at: iso(noon) }, noon), 'Asia/Kathmandu');
    expect(ticks).toHaveLength(7);
    for (const { at, isDay } of ticks) {
      expect(isDay).toBe(true);
      expect(iso(at).slice(11, 16)).toBe('18:15');
    }
  });
});

describe('a row', () => {
  const frame = { from: noon, to: noon + hourMs, now: noon + hourMs / 2, width: 600 };
  const task: TimelineTask = { id: 'a', name: 'a', misses: [], next: [], isCut: false };
  const minutes = (count: number) => iso(noon + count * 60_000);
  const run = (id: string, start: number, end: number | null, more: Partial<TimelineRun> = {}): TimelineRun => ({
    ...{ id, taskId: 'a', status: end === null ? 'running' : 'succeeded', scheduledFor: minutes(start) },
    ...{ startedAt: minutes(start), finishedAt: end === null ? null : minutes(end), ...more },
  });
  const barsOf = (...runs: TimelineRun[]) => rowsOf([task], runs, frame)[0]?.bars ?? [];

  test('shows how long a run took, one that still runs until now, and a short one wide enough to click', () => {
    const bars = barsOf(run('long', 0, 6), run('short', 10, 10.001), run('running', 20, null));
    expect(bars.map(({ x, width }) => [x, width])).toEqual([
      [0, 60],
      [100, 4],
      [200, 100],
    ]);
  });

  test('shows the time between due and started', () => {
    expect(barsOf(run('late', 12, 18, { scheduledFor: minutes(6) }))[0]?.waited).toEqual({ x: 60, width: 60 });
    expect(barsOf(run('punctual', 12, 18))[0]?.waited).toBeNull();
  });

  test('puts runs that overlap below each other and grows by that', () => {
    const runs = [run('one', 0, 10), run('two', 5, 15), run('three', 10, 20)];
    const [row] = rowsOf([task], runs, frame);
    expect(row?.bars.map(({ lane }) => lane)).toEqual([0, 1, 0]);
    expect(row?.overlapping).toBe(2);
    expect(row?.height).toBeGreaterThan(rowsOf([task], [], frame)[0]?.height ?? 0);
  });

  test('leaves out what lies beside the stretch, and cuts what reaches beyond it', () => {
    const bars = barsOf(run('before', -20, -10), run('into', -5, 6), run('after', 61, 62));
    expect(bars.map(({ run, x, width }) => [run.id, x, width])).toEqual([['into', 0, 60]]);
  });

  test('shows misses, instants to come, and from where on more follow', () => {
    const next = [minutes(20), minutes(36), minutes(48)];
    const misses = [{ from: minutes(6), to: minutes(12), count: 7, reason: 'down' }];
    const [row] = rowsOf([{ ...task, misses, next, isCut: true }], [], frame);
    expect(row?.misses.map(({ x, width }) => [x, width])).toEqual([[60, 60]]);
    // What was due before now is a run or a miss, and nothing to come.
    expect(row?.next.map(({ x }) => x)).toEqual([360, 480]);
    expect(row?.moreFrom).toBe(480);
  });

  test('shows instants that come too close to be told apart as one mark', () => {
    const next = [40, 40.5, 41, 50].map(minutes);
    const [row] = rowsOf([{ ...task, next }], [], frame);
    expect(row?.next.map(({ x, width, count }) => [x, width, count])).toEqual([
      [400, 10, 3],
      [500, 0, 1],
    ]);
  });

  test('stands below the row before it, in the order of the tasks', () => {
    const [first, second] = rowsOf([task, { ...task, id: 'b' }], [], frame);
    expect([first?.top, second?.top]).toEqual([0, first?.height]);
  });
});
