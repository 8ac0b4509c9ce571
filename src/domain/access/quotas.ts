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
