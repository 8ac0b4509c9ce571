/** What is shown of the rounds of a contender, to people and to machines. */

import type { Cost } from './cost.ts';
import { round } from './lateness.ts';
import { medianRound, type Round } from './measure.ts';

type Row = Record<string, number | string>;

export function rowOf(rounds: readonly Round[]): Row {
  const { lateness, cost, cpuPerRunUs, rssMiB } = medianRound(rounds);
  return {
    'arrivals/s': Math.round(lateness.arrivalsPerSecond),
    'first ms': round(lateness.firstMs),
    'p50 ms': round(lateness.p50Ms),
    'p99 ms': round(lateness.p99Ms),
    'last ms': round(lateness.lastMs),
    missing: lateness.missing,
    double: lateness.double,
    early: lateness.early,
    'cpu s own': round(cost.cpu.contender, 2),
    'cpu s pg': round(cost.cpu.postgres, 2),
    'cpu s redis': round(cost.cpu.redis, 2),
    'µs/run': Math.round(cpuPerRunUs),
    'rss MiB': rssMiB,
    'stmts/run': perRun(cost.statementCount, lateness.expected),
    'redis/run': perRun(commandCount(cost), lateness.expected),
    'others %': Math.round(cost.othersShare * 100),
  };
}

/** The median round in full, and of the others what shows how far they lie apart. */
export function figuresOf(rounds: readonly Round[]): Record<string, unknown> {
  const { lateness, cost, cpuPerRunUs, rssMiB, peakRssMiB } = medianRound(rounds);
  const { quantiles, perSecond, ...rest } = lateness;
  const rounded = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, round(value)]));
  return {
    ...rounded,
    cpuSeconds: Object.fromEntries(Object.entries(cost.cpu).map(([name, value]) => [name, round(value, 2)])),
    cpuPerRunUs: Math.round(cpuPerRunUs),
    rssMiB,
    peakRssMiB,
    statementsPerRun: perRun(cost.statementCount, lateness.expected),
    commandsPerRun: perRun(commandCount(cost), lateness.expected),
    othersShare: round(cost.othersShare, 3),
    quantiles,
    ...(perSecond.length > 1 ? { perSecond } : {}),
    rounds: rounds.map((each) => ({
      p99Ms: round(each.lateness.p99Ms),
      lastMs: round(each.lateness.lastMs),
      missing: each.lateness.missing,
      double: each.lateness.double,
      cpuPerRunUs: Math.round(each.cpuPerRunUs),
      othersShare: round(each.cost.othersShare, 3),
    })),
  };
}

/** Ours over the other's: above 1 is better for the rate, below 1 for the rest. */
export function ratioOf(ours: readonly Round[], other: readonly Round[]): Record<string, number> {
  const [our, their] = [medianRound(ours), medianRound(other)];
  return {
    arrivalsPerSecond: round(our.lateness.arrivalsPerSecond / their.lateness.arrivalsPerSecond, 2),
    p50: round(our.lateness.p50Ms / their.lateness.p50Ms, 2),
    p99: round(our.lateness.p99Ms / their.lateness.p99Ms, 2),
    cpuPerRun: round(our.cpuPerRunUs / their.cpuPerRunUs, 2),
  };
}

export function commandCount({ commands }: Cost): number {
  return Object.values(commands).reduce((sum, calls) => sum + calls, 0);
}

export function perRun(count: number, runs: number): number {
  return round(count / runs, 3);
}
