/** The quotas of a namespace. */

/** What a namespace may have at most; null where it has no quota of that kind. Durations are text, as `30s`. */
export type Quotas = {
  tasks: number | null;
  /** Runs at once. Due runs beyond it wait. */
  concurrentRuns: number | null;
  /** The smallest gap between two occurrences of a schedule. */
  minInterval: string | null;
  createsPerMinute: number | null;
  /** Finished runs older than this go. */
  historyRetention: string | null;
  secrets: number | null;
  channels: number | null;
  monitors: number | null;
};

/** The quotas of a namespace that has none. */
const noQuotas: Quotas = Object.freeze({
  tasks: null,
  concurrentRuns: null,
  minInterval: null,
  createsPerMinute: null,
  historyRetention: null,
  secrets: null,
  channels: null,
  monitors: null,
});

/** All quotas, of those that are set. Namespaces without any share one object. */
export function allQuotas(set: Partial<Quotas>): Quotas {
  return Object.keys(set).length === 0 ? noQuotas : { ...noQuotas, ...set };
}
