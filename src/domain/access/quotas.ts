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

/** A write that a quota refuses: it allows `limit`, and `used` is what there is or would be. Durations are text. */
export type Excess = {
  quota: keyof Quotas;
  limit: number | string;
  used: number | string;
  /** When a further try may succeed, in milliseconds from now; null where only a change helps. */
  afterMs: number | null;
};

export type CreationQuota = 'tasks' | 'createsPerMinute';

/**
 * Which new tasks of a namespace the quotas `tasks` and `createsPerMinute` let through: for each, null where it may be
 * created, else the quota that refuses it. A task whose id is `taken`, by one that exists or by an earlier one that may
 * be created, needs no place. `tasks` is how many there are, `created` how many were created in the last minute.
 */
export function admitCreations(
  ids: readonly string[],
  { tasks, created, taken }: { tasks: number; created: number; taken: ReadonlySet<string> },
  quotas: Pick<Quotas, CreationQuota>,
): (CreationQuota | null)[] {
  const admitted = new Set<string>();
  return ids.map((id) => {
    if (taken.has(id) || admitted.has(id)) return null;
    if (tasks + admitted.size >= (quotas.tasks ?? Infinity)) return 'tasks';
    if (created + admitted.size >= (quotas.createsPerMinute ?? Infinity)) return 'createsPerMinute';
    admitted.add(id);
    return null;
  });
}
