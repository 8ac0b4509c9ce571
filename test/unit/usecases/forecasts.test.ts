import { describe, expect, test } from 'vitest';
import { createForecasts, type ScheduledTask } from '../../../src/usecases/forecast/forecasts.ts';
import { sampleOf } from '../../../src/usecases/forecast/sample.ts';
import { watchedTurns } from '../../turns-watch.ts';

const bounds = { activeFrom: 0, startsAt: null, endsAt: null, jitterMs: 0 };
const tasks: ScheduledTask[] = Array.from({ length: 250_000 }, (_, uid) => ({
  ...{ uid, id: `task-${uid}`, limited: false },
  timing: { uid, schedule: { kind: 'manual' }, ...bounds },
}));
const few = tasks.slice(0, 1_000);
const wanted = () => true;

describe('a sample', () => {
  test('is all tasks where they are few, and one in three of 250,000, the same ones each time', async () => {
    const { turns } = watchedTurns();
    expect(await sampleOf(few, () => 1, turns, wanted)).toEqual({ tasks: few, factor: 1 });
    const sample = await sampleOf(tasks, () => 1, turns, wanted);
    expect(sample?.factor).toBeCloseTo(3, 1);
    expect(await sampleOf(tasks, () => 1, turns, wanted)).toEqual(sample);
    // Tasks are often made in turns: every third one must be as likely as the others.
    const third = sample?.tasks.filter(({ uid }) => uid % 3 === 0).length ?? 0;
    expect(third / (sample?.tasks.length ?? 1)).toBeCloseTo(1 / 3, 1);
  });

  test('is smaller where each task is much work', async () => {
    const { turns } = watchedTurns();
    const sample = await sampleOf(few, () => 10_000, turns, wanted);
    expect(sample?.factor).toBeGreaterThan(4);
    expect(sample?.factor).toBeLessThan(6);
  });

  test('takes turns, and ends once nobody waits for it', async () => {
    const { turns, watch } = watchedTurns();
    const workOf = () => {
      watch.now += 0.1;
      return 1;
    };
    await sampleOf(few, workOf, turns, wanted);
    expect(watch.longest()).toBeLessThan(10);
    const before = watch.now;
    expect(await sampleOf(few, workOf, turns, () => false)).toBeNull();
    expect(watch.now - before).toBeLessThan(10);
  });
});

test('two forecasts are made at a time and six wait; a place is handed on also where one fails', async () => {
  const forecasts = createForecasts(async () => []);
  const ends: (() => void)[] = [];
  const begun: number[] = [];
  const make = (n: number) =>
    forecasts.inPlace(async () => {
      begun.push(n);
      await new Promise<void>((resolve) => void ends.push(resolve));
      if (n === 0) throw new Error('it failed');
      return n;
    });
  const made = Array.from({ length: 9 }, (_, n) => make(n));
  expect(made.map((each) => each === null)).toEqual([...Array(8).fill(false), true]);
  expect(begun).toEqual([0, 1]);
  const results = Promise.allSettled(made.slice(0, 8));
  for (let n = 0; n < 8; n++) {
    await expect.poll(() => ends.length).toBeGreaterThan(n);
    // One that comes later waits behind the others.
    if (n === 4) void make(8);
    expect(begun.length - n).toBeLessThanOrEqual(2);
    ends[n]?.();
  }
  expect((await results).map(({ status }) => status)).toEqual(['rejected', ...Array(7).fill('fulfilled')]);
  await expect.poll(() => begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(make(9)).not.toBeNull();
});
