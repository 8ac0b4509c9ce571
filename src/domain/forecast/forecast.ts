/** A forecast: how often tasks will fire, in buckets of time, from the same functions that fire them. */

import type { CompiledCron } from '../schedule/calendar.ts';
import { nominalBounds, occurrenceOf, type Timing } from '../schedule/occurrence.ts';
import { countOccurrences } from '../schedule/occurrence-count.ts';
import { countInstants, nextInstant } from '../schedule/schedule.ts';
import type { Steps } from '../schedule/steps.ts';
import { addToSpan, countByBucket, countWithin, createGroups } from './groups.ts';
import { createLeaders, type Leader } from './leaders.ts';
import type { Window } from './window.ts';

export type ForecastTask = {
  id: string;
  timing: Timing;
  /** How many more occurrences the task may have; null without a limit. */
  runsLeft: number | null;
  /** Index of the key that its occurrences count for. */
  key: number;
};

export type Forecast = {
  /** By bucket. */
  fires: Float64Array;
  /** By bucket and key, `bucket * keys + key`; only what is above zero. Null where there is one key. */
  byKey: Map<number, number> | null;
  /** The fullest buckets, most fires first, each with the tasks that fire most in it. */
  peaks: { bucket: number; top: readonly Leader[] }[];
};

export type ForecastOptions = {
  window: Window;
  /** Epoch milliseconds: what a limit leaves counts from here. */
  now: number;
  /** How many keys there are. */
  keys: number;
  /** More entries by bucket and key are not counted: the answer is null then. */
  mostItems: number;
  mostPeaks: number;
  mostLeaders: number;
};

/** The occurrences of these tasks in the window. */
export function* forecast(tasks: Iterable<ForecastTask>, options: ForecastOptions): Steps<Forecast | null> {
  const { window, now, keys, mostItems, mostPeaks, mostLeaders } = options;
  const { from, to, start, bucketMs, count } = window;
  const fires = new Float64Array(count);
  const byKey = keys > 1 ? new Map<number, number>() : null;
  const leaders = createLeaders(mostLeaders);
  const groups = createGroups(window);
  const crons = new Map<CompiledCron, CompiledCron>();
  const bucketAt = (instant: number) => Math.floor((instant - start) / bucketMs);
  const tooMany = () => byKey !== null && byKey.size > mostItems;

  function add(bucket: number, key: number, number: number): void {
    fires[bucket] = (fires[bucket] as number) + number;
    if (byKey === null) return;
    const place = bucket * keys + key;
    byKey.set(place, (byKey.get(place) ?? 0) + number);
  }

  function addOf({ id, key }: ForecastTask, bucket: number, number: number): void {
    if (number === 0) return;
    add(bucket, key, number);
    leaders.add(bucket, id, number);
  }

  /** A task each of whose occurrences is looked at: at most `most` of them. */
  function* addEach(task: ForecastTask, after: number, most: number): Steps<void> {
    const timing = sharingInstants(task.timing, crons);
    const bounds = nominalBounds(timing);
    const upTo = Math.min(bounds.upTo, to - 1);
    let bucket = -1;
    let inBucket = 0;
    let left = most;
    let nominal = nextInstant(timing.schedule, Math.max(bounds.after, after - timing.jitterMs));
    for (; nominal !== null && nominal <= upTo && left > 0; nominal = nextInstant(timing.schedule, nominal)) {
      yield;
      const instant = occurrenceOf(timing, nominal);
      if (instant <= after || instant >= to) continue;
      left--;
      const current = bucketAt(instant);
      if (current !== bucket) {
        addOf(task, bucket, inBucket);
        bucket = current;
        inBucket = 0;
      }
      inBucket++;
    }
    addOf(task, bucket, inBucket);
  }

  /** A task that fires at each instant of its schedule in (after, upTo]: it counts with others of the same schedule. */
  function* addToGroup(task: ForecastTask, after: number, upTo: number): Steps<void> {
    const { schedule } = task.timing;
    const first = Math.ceil((after + 1 - start) / bucketMs);
    const end = Math.floor((upTo + 1 - start) / bucketMs);
    const group = groups.of(schedule);
    if (first > end) {
      addOf(task, end, yield* countWithin(group, schedule, { after, upTo }, window));
      return;
    }
    if (first < end) addToSpan(group, { first, end }, task, window, mostLeaders);
    const [begin, last] = [start + first * bucketMs - 1, start + end * bucketMs - 1];
    if (after < begin) addOf(task, first - 1, yield* countWithin(group, schedule, { after, upTo: begin }, window));
    if (last < upTo) addOf(task, end, yield* countWithin(group, schedule, { after: last, upTo }, window));
  }

  function* addTask(task: ForecastTask): Steps<void> {
    const { timing, runsLeft } = task;
    const { schedule } = timing;
    if (schedule.kind === 'manual') return;
    let after = from - 1;
    if (runsLeft !== null) {
      // What is due by now has been counted off the limit.
      after = Math.max(after, now);
      const left = runsLeft - countOccurrences(timing, now, after);
      if (left <= 0) return;
      if (countOccurrences(timing, after, to - 1) > left) {
        yield* addEach(task, after, left);
        return;
      }
    }
    if (timing.jitterMs > 0 || schedule.kind === 'at') {
      yield* addEach(task, after, Infinity);
      return;
    }
    const bounds = nominalBounds(timing);
    const anchored = schedule.kind === 'every' ? schedule.anchorMs - 1 : -1;
    after = Math.max(after, bounds.after, anchored);
    const upTo = Math.min(bounds.upTo, to - 1);
    if (after < upTo) yield* addToGroup(task, after, upTo);
  }

  for (const task of tasks) {
    yield* addTask(task);
    yield;
    if (tooMany()) return null;
  }

  for (const { schedule, spans } of groups.all()) {
    if (spans.size === 0) continue;
    const found: [bucket: number, instants: number][] = [];
    yield* countByBucket(schedule, window, (bucket, instants) => void found.push([bucket, instants]));
    for (const { first, end, tasks: members, leaders: ids } of spans.values())
      for (const [bucket, instants] of found) {
        if (bucket < first || bucket >= end) continue;
        for (const [key, number] of members) add(bucket, key, number * instants);
        for (const id of ids) leaders.add(bucket, id, instants);
        yield;
        if (tooMany()) return null;
      }
  }

  const full = [...fires.keys()].filter((bucket) => (fires[bucket] as number) > 0);
  full.sort((a, b) => (fires[b] as number) - (fires[a] as number) || a - b);
  const peaks = full.slice(0, mostPeaks).map((bucket) => ({ bucket, top: leaders.of(bucket) }));
  return { fires, byKey, peaks };
}

/**
 * The same timing, whose pattern remembers each answer: many tasks with jitter ask the same questions, one after the
 * other.
 */
function sharingInstants(timing: Timing, crons: Map<CompiledCron, CompiledCron>): Timing {
  const { schedule } = timing;
  if (schedule.kind !== 'cron') return timing;
  let cron = crons.get(schedule.cron);
  if (cron === undefined) {
    const { next } = schedule.cron;
    const answers = new Map<number, number | null>();
    cron = {
      ...schedule.cron,
      next(after) {
        const known = answers.get(after);
        if (known !== undefined) return known;
        const answer = next(after);
        answers.set(after, answer);
        return answer;
      },
    };
    crons.set(schedule.cron, cron);
  }
  return { ...timing, schedule: { kind: 'cron', cron } };
}

/**
 * About how many occurrences `forecast` has to look at one by one for a task: those that jitter moves, and those of a
 * task with a limit. Others are counted by schedule.
 */
export function workOf({ timing, runsLeft }: Pick<ForecastTask, 'timing' | 'runsLeft'>, { from, to }: Window): number {
  if (timing.jitterMs === 0 && runsLeft === null) return 1;
  return 1 + Math.min(runsLeft ?? Infinity, countInstants(timing.schedule, from - 1, to - 1));
}
