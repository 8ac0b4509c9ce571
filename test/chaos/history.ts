/** What is written down while a plan runs: everything that the checker judges by, and nothing else. */

import type { Plan } from './plan.ts';

/** The schedules that the suite uses, in the form that is sent. Durations in milliseconds. */
export type ChaosSchedule =
  | { cron: string; timezone: string }
  | { everyMs: number; anchorMs: number }
  | { atMs: number }
  | { manual: true };

/** What of a task the checker has to know. */
export type ChaosTask = {
  id: string;
  /** Sent as a label, so that a task made again under the same id can be told from the one before. */
  incarnation: string;
  schedule: ChaosSchedule;
  overlap: 'allow' | 'skip' | 'queue';
  misfire: { policy: 'skip' | 'fire_once' | 'fire_all'; graceMs: number; limit: number };
  maxAttempts: number;
  maxRuns: number | null;
  /** How long the target takes to answer a call. */
  takesMs: number;
  /** How many attempts of each run fail. */
  failures: number;
};

/**
 * A request about a task. `ok` is true after a 2xx, false after a refusal, null when nobody knows (no answer, or a
 * 5xx). All instants of a history are milliseconds on the one clock of the recorder, which runs evenly and starts at
 * the epoch.
 */
export type RequestRecord = {
  kind: 'create' | 'change' | 'stop' | 'start' | 'delete' | 'trigger' | 'read';
  taskId: string;
  incarnation: string;
  sentAt: number;
  answeredAt: number;
  status: number | null;
  ok: boolean | null;
  replica: number;
  /** For `start`: whether the time since the stop is made up for. */
  catchUp?: boolean;
  /** From then on, for `create`, `change` and `start`. */
  schedule?: ChaosSchedule;
  /** For `trigger`: what was answered. */
  runId?: string;
  runStatus?: string;
  /** For `stop`: what becomes of waiting runs. */
  cancel?: 'none' | 'pending';
  /** For `stop` and `delete`: the task's runs by schedule that the database showed after the answer had come. */
  runsAfter?: string[];
  retryAfter?: boolean;
  problem?: string;
};

export type FaultRecord = { what: string; from: number; until: number };

/** A call that the target received. */
export type CallRecord = {
  at: number;
  /** When it was answered; null when the caller had gone, or no answer was meant to be given. */
  answeredAt: number | null;
  runId: string;
  attempt: number;
  taskId: string;
  scheduledFor: number;
  trigger: string;
  key: string;
};

/** How far the database's clock is ahead of the recorder's: between `least` and `most`. */
export type OffsetSample = { at: number; least: number; most: number };

/** Running runs without a live lease, at one moment; `alive` counts the replicas that could take them. */
export type OrphanSample = { at: number; alive: number; runs: string[] };

/** A process: where it stood in the cluster, and from when to when. `pid` is what `replicas.pid` shows. */
export type ProcessRecord = {
  replica: number;
  pid: number;
  startedAt: number;
  readyAt: number | null;
  endedAt: number | null;
  end: string | null;
  /** Memory in MiB, sampled. */
  rss: number[];
};

/** One write to a run as a trigger of the suite's own saw it. Instants by the database's clock. */
export type AuditRecord = {
  seq: number;
  at: number;
  runId: string;
  uid: number;
  before: string | null;
  after: string | null;
  beforeAttempt: number | null;
  attempt: number | null;
  owner: string | null;
  error: string | null;
  reason: string | null;
  /** Whether anything else than notes changed: status, attempt, owner, or when it finished. */
  changed: boolean;
};

/** A lease as it was taken, renewed or given up; instants by the database's clock. */
export type LeaseRecord = { at: number; owner: string; pid: number; until: number };

export type TaskRow = {
  uid: number;
  id: string;
  incarnation: string | null;
  status: string;
  deletedAt: number | null;
};

export type RunRow = {
  id: string;
  uid: number;
  trigger: string;
  status: string;
  scheduledFor: number;
  owner: string | null;
  attempt: number;
  maxAttempts: number;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  reason: string | null;
  /** The numbers of the attempts that are kept one by one; null where the only one can be read off the run. */
  attempts: { attempt: number; status: string }[] | null;
};

/** `cut`: recorded because its task was stopped, changed or deleted, not because it was late. */
export type MissRow = {
  uid: number;
  at: number;
  from: number;
  to: number;
  count: number;
  exact: boolean;
  cut: boolean;
};

/** Counters of one replica as `/metrics` told them at the end. */
export type MetricsRecord = {
  replica: number;
  /** `task_executions_total` by task and status. */
  executions: { taskId: string; status: string; count: number }[];
  fenced: number;
  takenOver: number;
  repaired: number;
  missed: number;
};

export type History = {
  plan: Plan;
  startedAt: number;
  /** From when to when faults were made, and when the final read was begun. */
  faultFrom: number;
  faultUntil: number;
  endedAt: number;
  tasks: ChaosTask[];
  requests: RequestRecord[];
  faults: FaultRecord[];
  calls: CallRecord[];
  offsets: OffsetSample[];
  orphans: OrphanSample[];
  processes: ProcessRecord[];
  audit: AuditRecord[];
  leases: LeaseRecord[];
  final: { at: number; quiet: boolean; tasks: TaskRow[]; runs: RunRow[]; misses: MissRow[]; liveOwners: string[] };
  metrics: MetricsRecord[];
  /** What could not be done here, and why: a fault without its tool, for example. */
  notes: string[];
};

/** The one clock: never jumps, and reads like epoch milliseconds. */
export function recorderNow(): number {
  return performance.timeOrigin + performance.now();
}
