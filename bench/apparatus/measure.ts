/** One round: a contender does some work, and it is noted when the calls came and what they cost. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Contender, lastInstant, type Work } from '../contenders/contender.ts';
import { type Cost, cpuPerRun, startCost } from './cost.ts';
import { type Lateness, latenessOf } from './lateness.ts';
import { residentMiB } from './processes.ts';
import type { Services } from './services.ts';

export type Round = {
  lateness: Lateness;
  cost: Cost;
  /** Of all processes but the target. */
  cpuPerRunUs: number;
  rssMiB: number;
  peakRssMiB: number;
  /** `process.hrtime` in microseconds: the part of a profile that belongs to this round. */
  window: { from: number; to: number };
};

/** Counting begins this long before the first instant: whoever prepares in time is charged for it. */
const countFromMs = 1_500;
const quietMs = 120_000;

/** `withinMs`: how long after the last instant the last call may come. */
export async function measure(
  services: Services,
  contender: Contender,
  shape: Omit<Work, 'instant'>,
  withinMs: number,
): Promise<Round> {
  const { target } = services;
  const total = shape.count * shape.repeats;
  await target.reset(total);
  const instant = Math.ceil((Date.now() + contender.leadMs(shape.count)) / 1_000) * 1_000;
  const work: Work = { ...shape, instant };
  await within(contender.prepare(work), instant - Date.now(), `${contender.name} to be prepared`);
  const spare = instant - Date.now() - countFromMs;
  if (spare < 0) throw new Error(`${contender.name} was not prepared in time, by ${-spare} ms`);
  await sleep(spare);
  const endCost = await startCost(services, { pids: contender.pids(), databaseUrl: contender.databaseUrl });
  const from = microseconds();
  const last = lastInstant(work);
  const came = await target.waitFor(total, last - Date.now() + withinMs);
  if (came === 0) throw new Error(`nothing came from ${contender.name}`);
  await within(contender.settled(), quietMs, `${contender.name} to write everything down`);
  const to = microseconds();
  const cost = await endCost();
  const arrivals = await target.arrivals();
  const memory = contender.pids().map(residentMiB);
  return {
    lateness: latenessOf(arrivals, total, instant, last),
    cost,
    cpuPerRunUs: cpuPerRun(cost, total),
    rssMiB: Math.max(...memory.map(({ now }) => now)),
    peakRssMiB: Math.max(...memory.map(({ peak }) => peak)),
    window: { from, to },
  };
}

/** Rejects where the promise takes longer: a bench must not wait for what has got stuck. */
async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  const stop = new AbortController();
  const late = sleep(ms, undefined, stop).then(() => {
    throw new Error(`waited ${ms} ms in vain for ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
    late.catch(() => {});
  }
}

function microseconds(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** The round that is neither the best nor the worst: by the last arrival. */
export function medianRound(rounds: readonly Round[]): Round {
  const sorted = [...rounds].sort((a, b) => a.lateness.lastMs - b.lateness.lastMs);
  return sorted[Math.floor(sorted.length / 2)] as Round;
}
