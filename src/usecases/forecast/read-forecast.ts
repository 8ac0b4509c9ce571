/** Tells how often the tasks of a namespace will fire, in buckets of time. */

import { type Forecast, type ForecastTask, forecast, workOf } from '../../domain/forecast/forecast.ts';
import { type ForecastBucket, type Window, windowOf } from '../../domain/forecast/window.ts';
import { fault, ok } from '../../errors.ts';
import { readRunsLeft } from '../../store/tasks/forecast.ts';
import type { UseCaseContext } from '../context.ts';
import { meaningless, type Outcome, refuse } from '../refusal.ts';
import { useCase } from '../use-case.ts';
import type { ScheduledTask } from './forecasts.ts';
import { type ForecastBy, inPages, readKeys } from './keys.ts';
import { sampleOf } from './sample.ts';

/** Instants are epoch milliseconds; what is null gets its usual value. */
type ReadForecast = {
  from: number | null;
  to: number | null;
  bucket: ForecastBucket;
  /** What the counts are split by; null for nothing. */
  by: ForecastBy | null;
  /** Whether the caller still waits for the answer. */
  isWanted: () => boolean;
};

/** `key` is null for tasks without one, and absent where nothing splits the counts. */
type Bucket = { at: number; key?: string | null; fires: number };

export type ForecastAnswer = {
  buckets: Bucket[];
  peaks: { at: number; fires: number; top: { task: string; fires: number }[] }[];
  sampled: boolean;
  /** By how much the counts of the sample were multiplied; 1 without one. */
  factor: number;
};

/** By bucket and key, in one answer. */
const mostItems = 10_000;
const mostPeaks = 10;
const mostLeaders = 10;

/**
 * Of the active tasks of the caller's namespace. More than a hundred thousand, or those with very many occurrences that
 * have to be looked at one by one, are sampled.
 */
export const readForecast = useCase(
  'reader',
  async (context, { namespace }, input: ReadForecast): Promise<Outcome<ForecastAnswer>> => {
    const window = windowOf(input, context.now());
    if (!window.ok) return meaningless(window.errors);
    const made = context.forecasts.inPlace(() => make(context, namespace, input, window.value));
    return (await made) ?? refuse('unavailable', 'too many forecasts are being made; try again');
  },
);

async function make(
  context: UseCaseContext,
  namespace: string,
  { by, isWanted }: ReadForecast,
  window: Window,
): Promise<Outcome<ForecastAnswer>> {
  const { forecasts, turns, now } = context;
  if (!isWanted()) return abandoned;
  const all = await forecasts.tasksOf(namespace);
  if (all === null) return refuse('unavailable', 'the tasks are not loaded yet; try again');
  const limits = await runsLeft(context, all, isWanted);
  if (limits === null) return abandoned;
  const workOfTask = ({ uid, timing, limited }: ScheduledTask) =>
    workOf({ timing, runsLeft: limited ? (limits.get(uid) ?? 0) : null }, window);
  const sample = await sampleOf(all, workOfTask, turns, isWanted);
  if (sample === null) return abandoned;
  const keys = by === null ? null : await readKeys(context, sample.tasks, by, isWanted);
  if (by !== null && keys === null) return abandoned;
  const names = keys?.names ?? [null];
  const steps = forecast(
    tasksOf(sample.tasks, limits, (uid) => keys?.of(uid) ?? 0),
    { window, now: now(), keys: names.length, mostItems, mostPeaks, mostLeaders },
  );
  for (;;) {
    if (turns.areOver()) {
      await turns.take();
      if (!isWanted()) return abandoned;
    }
    const step = steps.next();
    if (!step.done) continue;
    if (step.value === null || (keys !== null && names.length > mostItems))
      return meaningless(
        fault('#/by', `gives more than ${mostItems} items: ask for a shorter time, longer buckets or another \`by\``)
          .errors,
      );
    return ok(answerOf(step.value, window, keys && names, sample.factor));
  }
}

/** Nobody reads it. */
const abandoned = refuse('unavailable', 'the caller is gone');

/** How many occurrences the limited tasks may still have; null where the caller is gone. */
async function runsLeft(
  { database }: UseCaseContext,
  tasks: readonly ScheduledTask[],
  isWanted: () => boolean,
): Promise<Map<number, number> | null> {
  const found = new Map<number, number>();
  const limited = tasks.filter((task) => task.limited);
  const isWhole = await inPages(limited, isWanted, async (uids) => {
    for (const [uid, left] of await readRunsLeft(database.pool, uids)) found.set(uid, left);
  });
  return isWhole ? found : null;
}

function* tasksOf(
  tasks: readonly ScheduledTask[],
  limits: ReadonlyMap<number, number>,
  keyOf: (uid: number) => number,
): Generator<ForecastTask> {
  for (const { uid, id, timing, limited } of tasks)
    yield { id, timing, runsLeft: limited ? (limits.get(uid) ?? 0) : null, key: keyOf(uid) };
}

function answerOf(
  { fires, byKey, peaks }: Forecast,
  { start, bucketMs }: Window,
  names: readonly (string | null)[] | null,
  factor: number,
): ForecastAnswer {
  const at = (bucket: number) => start + bucket * bucketMs;
  const scaled = (number: number) => Math.round(number * factor);
  return {
    buckets:
      names === null
        ? Array.from(fires, (number, bucket) => ({ at: at(bucket), fires: scaled(number) }))
        : itemsOf(fires, byKey, names).map(({ bucket, key, number }) => ({
            ...{ at: at(bucket), key, fires: scaled(number) },
          })),
    peaks: peaks.map(({ bucket, top }) => ({
      ...{ at: at(bucket), fires: scaled(fires[bucket] as number), top: [...top] },
    })),
    sampled: factor > 1,
    factor,
  };
}

/** By bucket and then by key, those without a key first. */
function itemsOf(
  fires: Float64Array,
  byKey: ReadonlyMap<number, number> | null,
  names: readonly (string | null)[],
): { bucket: number; key: string | null; number: number }[] {
  const places = byKey ?? new Map(fires.entries());
  return [...places]
    .filter(([, number]) => number > 0)
    .sort(([a], [b]) => a - b)
    .map(([place, number]) => ({
      ...{ bucket: Math.floor(place / names.length), key: names[place % names.length] ?? null, number },
    }));
}
