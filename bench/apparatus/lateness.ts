/** From arrivals to figures: how late, how many missing, how many twice. */

import { instantOfRunId } from '../../src/domain/schedule/occurrence.ts';
import type { Arrivals } from './target.ts';

export type Lateness = {
  expected: number;
  missing: number;
  /** Calls beyond the first of their occurrence. */
  double: number;
  /** Calls of no occurrence that was expected. */
  unexpected: number;
  /** Calls before their instant. */
  early: number;
  /** Per second, from the first instant to the last arrival. */
  arrivalsPerSecond: number;
  firstMs: number;
  p50Ms: number;
  p99Ms: number;
  lastMs: number;
  /** Lateness in milliseconds at these shares of the arrivals (0 … 1). */
  quantiles: [share: number, ms: number][];
  /** By the second of the instant, from the first on. */
  perSecond: { p50Ms: number; p99Ms: number; lastMs: number }[];
};

/** A timer of a replica may be right and still seem this much early: two clocks are compared. In milliseconds. */
const clockTolerance = 1;

const shares = [0, 0.01, 0.05, ...Array.from({ length: 18 }, (_, n) => 0.1 + n * 0.05), 0.97, 0.99, 0.999, 1];

/** `from` and `to`: the first and the last instant expected, in epoch milliseconds; `expected`: occurrences in all. */
export function latenessOf(arrivals: Arrivals, expected: number, from: number, to: number): Lateness {
  const seen = new Set<string>();
  const all: number[] = [];
  const bySecond: number[][] = [];
  let double = 0;
  let unexpected = 0;
  let last = from;
  arrivals.ids.forEach((id, place) => {
    const instant = instantOfRunId(id);
    const at = arrivals.times[place] as number;
    if (!(instant >= from && instant <= to)) unexpected++;
    else if (seen.has(id)) double++;
    else {
      seen.add(id);
      last = Math.max(last, at);
      all.push(at - instant);
      const second = Math.floor((instant - from) / 1_000);
      bySecond[second] ??= [];
      bySecond[second].push(at - instant);
    }
  });
  all.sort((a, b) => a - b);
  return {
    expected,
    missing: expected - seen.size,
    double,
    unexpected,
    early: all.filter((ms) => ms < -clockTolerance).length,
    arrivalsPerSecond: (all.length * 1_000) / (last - from),
    firstMs: quantile(all, 0),
    p50Ms: quantile(all, 0.5),
    p99Ms: quantile(all, 0.99),
    lastMs: quantile(all, 1),
    quantiles: shares.map((share) => [round(share, 3), round(quantile(all, share))]),
    perSecond: Array.from(bySecond, (of = []) => {
      of.sort((a, b) => a - b);
      return { p50Ms: round(quantile(of, 0.5)), p99Ms: round(quantile(of, 0.99)), lastMs: round(quantile(of, 1)) };
    }),
  };
}

/** The least value that at least this share of the sorted values do not exceed; NaN of none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}
