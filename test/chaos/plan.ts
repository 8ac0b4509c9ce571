/** A plan: a seed, a load, faults at their times, and what is asked of the service under them. */

export type Dependency = 'postgres' | 'redis';

/** The moments in the life of a run at which a replica can be killed. */
export const killPoints = [
  'after-lock',
  'before-commit',
  'after-commit',
  'at-answer',
  'at-call',
  'after-call',
  'before-result',
  'result-before-commit',
  'after-result',
] as const;
export type KillPoint = (typeof killPoints)[number];

/** Replicas are numbered from 0. Times are in seconds of the long form; see `Pace`. */
export type FaultAction =
  | { kind: 'kill'; replica: number; down: number }
  | { kind: 'kill-at'; replica: number; point: KillPoint; times: number }
  | { kind: 'kill-all'; down: number }
  | { kind: 'freeze'; replica: number; for: number }
  | { kind: 'block'; replica: number; for: number }
  | { kind: 'terminate'; replica: number; twice: boolean; running: number }
  | { kind: 'rolling-restart'; requestsPerSecond: number }
  | { kind: 'redis'; how: 'kill' | 'pause' | 'flush' | 'evict' | 'read-only'; for: number }
  | { kind: 'lock'; lie: 'all' | 'none' | 'slow'; for: number }
  | { kind: 'postgres'; how: 'crash' | 'freeze' | 'terminate' | 'exhaust' | 'lock' | 'slow-commit'; for: number }
  | { kind: 'commit'; how: 'answer-cut' | 'never'; for: number; share: number }
  | { kind: 'crash-everything'; down: number }
  | { kind: 'network'; replica: number; to: readonly Dependency[]; how: NetworkFault; for: number }
  | { kind: 'clock'; replica: number; hours: number; for: number }
  | { kind: 'hostile-targets'; for: number }
  | { kind: 'burst'; tasks: number }
  | { kind: 'stop-storm'; tasks: number; for: number }
  | { kind: 'outage'; days: number; tasks: number };
export type NetworkFault = 'cut' | 'hole' | 'half-open' | 'flap' | 'delay';

export type TimedFault = { at: number; action: FaultAction };

export type Limits = {
  /** The latest that a call may come outside the fault and its recovery, and within it, in milliseconds. */
  lateMs: number;
  lateInFaultMs: number;
  /** Whether occurrences may go by the misfire policy at all. */
  misses: boolean;
  /** The longest that an API request may take to be answered at all, in milliseconds. */
  answerMs: number;
  /** Whether any request may fail with a 5xx or without an answer. */
  failures: boolean;
  /** The most that a replica's memory may grow, in MiB. */
  growthMiB: number;
};

/** How long each part lasts, in seconds, and by how much the long form's times are multiplied. */
export type Pace = { load: number; fault: number; recovery: number; factor: number };

export type Plan = {
  name: string;
  seed: number;
  pace: Pace;
  replicas: number;
  /** The lease's length, in milliseconds. */
  leaseMs: number;
  /** `burst`: due at one instant, enough of them for each replica to pre-claim its part. */
  load: { everySecond: number; everyFive: number; cron: number; burst: number };
  /** Definitions created, changed, stopped and deleted per second while the faults last. */
  churnPerSecond: number;
  triggersPerSecond: number;
  faults: TimedFault[];
  limits: Limits;
  /** Without Redis when the replicas start. */
  redisAtStart: boolean;
  /**
   * Whether the replicas have a role without other rights, that sets another one, names of their own, and no Redis at
   * all.
   */
  humble: boolean;
  /** `MAX_CONCURRENT_RUNS`; null for the default. */
  slots: number | null;
  /** What the database's clock is to say when the load begins, instead of the truth: epoch milliseconds. */
  databaseSays: number | null;
};

export const longPace: Pace = { load: 30, fault: 30, recovery: 80, factor: 1 };
export const shortPace: Pace = { load: 6, fault: 12, recovery: 20, factor: 0.4 };

/** A pace of `seconds` in all, between the two. */
export function paceOf(seconds: number): Pace {
  const fault = Math.max(8, seconds * 0.22);
  return { load: Math.max(4, seconds * 0.2), fault, recovery: Math.max(15, seconds * 0.55), factor: fault / 30 };
}

const generous: Limits = {
  lateMs: 10_000,
  lateInFaultMs: 90_000,
  misses: true,
  answerMs: 12_000,
  failures: true,
  growthMiB: 400,
};

/** What is particular to a plan; the rest is the base load. */
export type PlanSketch = {
  faults?: TimedFault[];
  limits?: Partial<Limits>;
  churnPerSecond?: number;
  redisAtStart?: boolean;
  humble?: boolean;
  slots?: number;
  databaseSays?: number | null;
};

export function makePlan(name: string, sketch: PlanSketch, seed: number, pace: Pace): Plan {
  return {
    name,
    seed,
    pace,
    replicas: 3,
    // A shorter lease than this is lost on a busy machine for no reason of the plan.
    leaseMs: Math.max(4_000, Math.round(10_000 * pace.factor)),
    load: { everySecond: 60, everyFive: 20, cron: 10, burst: 240 },
    churnPerSecond: sketch.churnPerSecond ?? 4,
    triggersPerSecond: 2,
    faults: sketch.faults ?? [],
    limits: { ...generous, ...sketch.limits },
    redisAtStart: sketch.redisAtStart ?? true,
    humble: sketch.humble ?? false,
    slots: sketch.slots ?? null,
    databaseSays: sketch.databaseSays ?? null,
  };
}
