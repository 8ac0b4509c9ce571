import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Forecast, type ForecastTask, forecast } from '../../../../src/domain/forecast/forecast.ts';
import { forecastBuckets, type Window, windowOf } from '../../../../src/domain/forecast/window.ts';
import { parseInstant } from '../../../../src/domain/input/instant.ts';
import { createCalendar } from '../../../../src/domain/schedule/calendar.ts';
import { occurrencesAfter, type Timing } from '../../../../src/domain/schedule/occurrence.ts';
import { countOccurrences } from '../../../../src/domain/schedule/occurrence-count.ts';
import { compileSchedule, type Schedule } from '../../../../src/domain/schedule/schedule.ts';
import { atOnce } from '../../../../src/domain/schedule/steps.ts';
import { cases } from '../../cases.ts';
import { timing as anyTiming } from '../schedule/timing-arbitraries.ts';

const minute = 60_000;
const hour = 60 * minute;
const calendar = createCalendar();
const bounds = { keys: 1, mostItems: 10_000, mostPeaks: 10, mostLeaders: 10 };

function at(text: string): number {
  const instant = parseInstant(text);
  if (instant === null) throw new Error(text);
  return instant;
}

function taskOf(id: string, schedule: Schedule, more: Partial<Timing> = {}): ForecastTask {
  const compiled = compileSchedule(schedule, calendar);
  if (compiled === null) throw new Error(JSON.stringify(schedule));
  const timing = { uid: 7, schedule: compiled, activeFrom: 0, startsAt: null, endsAt: null, jitterMs: 0, ...more };
  return { id, timing, runsLeft: null, key: 0 };
}

function windowFrom(from: string, to: string, bucket: (typeof forecastBuckets)[number]): Window {
  const window = windowOf({ from: at(from), to: at(to), bucket }, at(from));
  if (!window.ok) throw new Error(JSON.stringify(window.errors));
  return window.value;
}

function countedBy(tasks: readonly ForecastTask[], window: Window, more: Partial<typeof bounds> = {}, now = 0) {
  const counted = atOnce(forecast(tasks, { window, now, ...bounds, ...more }));
  if (counted === null) throw new Error('too many items');
  return counted;
}

/** What `nextOccurrence` gives one after the other. */
function byOne(tasks: readonly ForecastTask[], window: Window, now: number) {
  const { from, to, start, bucketMs, count } = window;
  const fires = new Array<number>(count).fill(0);
  const byTask = tasks.map(({ id, timing, runsLeft, key }) => {
    const own = new Map<number, number>();
    let left = runsLeft ?? Infinity;
    for (const instant of occurrencesAfter(timing, runsLeft === null ? from - 1 : now)) {
      if (instant >= to || left-- <= 0) break;
      if (instant < from) continue;
      const bucket = Math.floor((instant - start) / bucketMs);
      fires[bucket] = (fires[bucket] ?? 0) + 1;
      own.set(bucket, (own.get(bucket) ?? 0) + 1);
    }
    return { id, key, own };
  });
  return { fires, byTask };
}

describe('a forecast is what the next occurrences give one by one', () => {
  const varied = fc.record({
    uid: fc.maxSafeNat(),
    activeAfter: fc.integer({ min: -hour, max: 3 * hour }),
    startsAt: fc.option(fc.integer({ min: -2 * hour, max: 20 * hour })),
    endsAt: fc.option(fc.integer({ min: -2 * hour, max: 20 * hour })),
    anchorBy: fc.integer({ min: -hour, max: 2 * hour }),
    jitterMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 * hour })),
    runsLeft: fc.option(fc.nat({ max: 30 })),
    key: fc.nat({ max: 2 }),
  });
  type Varied = typeof varied extends fc.Arbitrary<infer T> ? T : never;

  /** A task with the schedule of another one, or with the same rate from another anchor. */
  function variant({ schedule, activeFrom }: Timing, given: Varied, id: string): ForecastTask {
    const { uid, activeAfter, startsAt, endsAt, anchorBy, jitterMs, runsLeft, key } = given;
    const own = schedule.kind === 'every' ? { ...schedule, anchorMs: schedule.anchorMs + anchorBy } : schedule;
    const timing = {
      ...{ uid, schedule: own, jitterMs, activeFrom: activeFrom + activeAfter },
      startsAt: startsAt === null ? null : activeFrom + startsAt,
      endsAt: endsAt === null ? null : activeFrom + endsAt,
    };
    return { id, timing, runsLeft, key };
  }

  test('for any schedules, bounds, limits, jitter and window, by key and by task', () => {
    fc.assert(
      fc.property(
        anyTiming,
        fc.array(varied, { minLength: 1, maxLength: 6 }),
        fc.record({
          after: fc.integer({ min: -2 * hour, max: 10 * hour }),
          length: fc.integer({ min: 1, max: 12 * hour }),
          bucket: fc.constantFrom(...forecastBuckets),
          nowAfter: fc.integer({ min: -2 * hour, max: 10 * hour }),
          // Instants at the bounds of the window, and rates that several tasks share, need round numbers.
          grid: fc.constantFrom(1, 15_000, minute),
        }),
        (given, others, { after, length, bucket, nowAfter, grid }) => {
          const round = (ms: number) => Math.max(1, Math.round(ms / grid)) * grid;
          const { schedule } = given;
          const often = (everyMs: number) => round(grid === 1 ? everyMs : everyMs % hour);
          const rounded = schedule.kind === 'every' ? { ...schedule, everyMs: often(schedule.everyMs) } : schedule;
          const timing = { ...given, schedule: rounded };
          const from = round(timing.activeFrom + after);
          const asked = windowOf({ from, to: from + round(length), bucket }, from);
          fc.pre(asked.ok);
          const window = asked.value;
          const now = timing.activeFrom + nowAfter;
          const first = { id: 'first', timing, runsLeft: null, key: 0 };
          const tasks = [first, ...others.map((given, n) => variant(timing, given, `t${n}`))];
          const all = (task: ForecastTask) =>
            countOccurrences(task.timing, Math.min(now, from - 1), Math.max(now, window.to));
          fc.pre(tasks.every((task) => all(task) < 2_000));

          const expected = byOne(tasks, window, now);
          const counted = countedBy(tasks, window, { keys: 3, mostPeaks: 10_000, mostLeaders: 100 }, now);
          expect([...counted.fires]).toEqual(expected.fires);
          const byKey = new Map<number, number>();
          for (const { key, own } of expected.byTask)
            for (const [place, number] of own) byKey.set(place * 3 + key, (byKey.get(place * 3 + key) ?? 0) + number);
          expect(new Map([...(counted.byKey ?? [])].sort())).toEqual(new Map([...byKey].sort()));
          expect(leadersOf(counted)).toEqual(
            expected.fires.flatMap((number, place) =>
              number === 0
                ? []
                : {
                    place,
                    top: expected.byTask
                      .flatMap(({ id, own }) => ({ task: id, fires: own.get(place) ?? 0 }))
                      .filter((leader) => leader.fires > 0)
                      .sort((a, b) => b.fires - a.fires || (a.task < b.task ? -1 : 1)),
                  },
            ),
          );
        },
      ),
      cases(400),
    );
  });

  const leadersOf = ({ peaks }: Forecast) =>
    peaks.map(({ bucket: place, top }) => ({ place, top: [...top] })).sort((a, b) => a.place - b.place);
});

describe('a forecast', () => {
  test('follows the clock of each zone through its changes', () => {
    const hourly = taskOf('hourly', { cron: '30 * * * *', timezone: 'Europe/Berlin' });
    const night = taskOf('night', { cron: '30 2 * * *', timezone: 'Europe/Berlin' });
    const spring = windowFrom('2026-03-29T00:00:00Z', '2026-03-29T04:00:00Z', '1h');
    expect([...countedBy([hourly], spring).fires]).toEqual([1, 1, 1, 1]);
    // 02:30 is left out: it fires at 03:00, which is 01:00 in UTC.
    expect([...countedBy([night], spring).fires]).toEqual([0, 1, 0, 0]);
    const autumn = windowFrom('2026-10-24T23:00:00Z', '2026-10-25T03:00:00Z', '1h');
    expect([...countedBy([hourly], autumn).fires]).toEqual([1, 1, 1, 1]);
    expect([...countedBy([night], autumn).fires]).toEqual([0, 1, 0, 0]);
  });

  test('counts an occurrence at its first instant and none at its end', () => {
    const task = taskOf('a', { cron: '* * * * *', timezone: 'UTC' });
    const window = windowFrom('2026-06-01T10:00:00Z', '2026-06-01T10:02:00Z', '1m');
    expect([...countedBy([task], window).fires]).toEqual([1, 1]);
    const parts = windowFrom('2026-06-01T10:00:00.001Z', '2026-06-01T10:02:00.001Z', '1m');
    expect([...countedBy([task], parts).fires]).toEqual([0, 1, 1]);
  });

  test('counts up to the last millisecond before an end, and none after it', () => {
    const window = windowFrom('2026-06-01T10:00:00Z', '2026-06-01T10:03:00Z', '1m');
    const every = { every: '1m', anchor: '2026-06-01T09:00:59.999Z' };
    const endingAt = (endsAt: string) => [...countedBy([taskOf('a', every, { endsAt: at(endsAt) })], window).fires];
    expect(endingAt('2026-06-01T10:01:59.999Z')).toEqual([1, 1, 0]);
    expect(endingAt('2026-06-01T10:01:59.998Z')).toEqual([1, 0, 0]);
  });

  test('knows each task by its own anchor where a bucket is covered in part', () => {
    const early = taskOf('early', { every: '1m', anchor: '2026-06-01T09:00:10Z' });
    const late = taskOf('late', { every: '1m', anchor: '2026-06-01T09:00:50Z' });
    const window = windowFrom('2026-06-01T10:00:30Z', '2026-06-01T10:02:30Z', '1m');
    expect([...countedBy([early, late], window).fires]).toEqual([1, 2, 1]);
    expect(countedBy([early, late], window).peaks.at(-1)).toEqual({ bucket: 2, top: [{ task: 'early', fires: 1 }] });
  });

  test('names the fullest buckets first, and in each those tasks that fire most', () => {
    const tasks = [
      taskOf('b', { every: '20s', anchor: '2026-01-01T00:00:00Z' }),
      taskOf('c', { cron: '0 1 * * * *', timezone: 'UTC' }),
      taskOf('a', { cron: '0 1 * * * *', timezone: 'UTC' }),
      taskOf('d', { at: '2026-06-01T10:01:30Z' }),
    ];
    const window = windowFrom('2026-06-01T10:00:00Z', '2026-06-01T10:03:00Z', '1m');
    const { peaks } = countedBy(tasks, window, { mostPeaks: 2, mostLeaders: 3 });
    const [b, a, c] = ['b', 'a', 'c'].map((task) => ({ task, fires: task === 'b' ? 3 : 1 }));
    expect(peaks).toEqual([
      { bucket: 1, top: [b, a, c] },
      { bucket: 0, top: [b] },
    ]);
  });

  test('gives no answer where buckets and keys make too many', () => {
    const tasks = Array.from({ length: 3 }, (_, key) => ({
      ...taskOf(`t${key}`, { every: '1m', anchor: '2026-01-01T00:00:00Z' }),
      key,
    }));
    const window = windowFrom('2026-06-01T10:00:00Z', '2026-06-01T10:10:00Z', '1m');
    const options = { window, now: 0, ...bounds, keys: 3 };
    expect(atOnce(forecast(tasks, { ...options, mostItems: 30 }))?.byKey?.size).toBe(30);
    expect(atOnce(forecast(tasks, { ...options, mostItems: 29 }))).toBeNull();
  });

  test('takes no longer for a rate of 100 ms than for a slow one', () => {
    const task = taskOf('fast', { every: '100ms', anchor: '2026-01-01T00:00:00Z' });
    const window = windowFrom('2026-06-01T00:00:00Z', '2026-07-31T00:00:00Z', '1h');
    let steps = 0;
    const run = forecast([task], { window, now: 0, ...bounds });
    for (let step = run.next(); ; step = run.next()) {
      if (step.done) {
        expect(new Set(step.value?.fires)).toEqual(new Set([36_000]));
        break;
      }
      steps++;
    }
    expect(steps).toBeLessThan(20 * window.count);
  });
});
