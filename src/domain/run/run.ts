/** The life of a run: its statuses, and the table of allowed steps. */

import type { Trace } from './trace.ts';

export const triggers = ['schedule', 'manual', 'catch_up', 'retry'] as const;
export type Trigger = (typeof triggers)[number];

/** The details that a request gave of the run that it asked for. */
export type RunOrigin = {
  /** The caller's name for the source of the request; null where it gave none. */
  source: string | null;
  requestId: string | null;
  /** The trace that the request belongs to; null where it named none. */
  trace: Trace | null;
};

export const runStatuses = [
  'pending',
  'running',
  'retrying',
  'succeeded',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'lost',
] as const;
export type RunStatus = (typeof runStatuses)[number];

export const errorKinds = ['timeout', 'unavailable', 'rejected', 'internal', 'cancelled', 'lost'] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** The status of an attempt: `running` while it is held. */
export type StoredAttemptStatus = 'running' | 'succeeded' | 'failed' | 'timed_out' | 'cancelled' | 'lost';

/**
 * Which status may follow which; a run starts as `pending`, `running` (claimed with a free slot) or `skipped`.
 * The database refuses every other step with the same table (a test compares the two).
 */
export const runSteps: Record<RunStatus, readonly RunStatus[]> = {
  pending: ['running', 'cancelled', 'skipped'],
  running: ['succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'retrying'],
  retrying: ['running', 'cancelled'],
  succeeded: [],
  failed: [],
  timed_out: [],
  cancelled: [],
  skipped: [],
  lost: [],
};

/** The seconds of waiting that one step of priority is worth: so a low priority does not starve. */
export const secondsPerPriority = 10;

/** Whether a run in this status is over for good. */
export function isOver(status: RunStatus): boolean {
  return runSteps[status].length === 0;
}

/** An attempt that begins. `latenessMs` is null for all but a run's first attempt. */
export type StartedRun = {
  namespace: string;
  taskId: string;
  runId: string;
  attempt: number;
  trigger: Trigger;
  /** Null for a run that no request asked for. */
  origin: RunOrigin | null;
  latenessMs: number | null;
};

/** An attempt whose end is written down. `status` is the run's: `retrying` where another attempt follows. */
export type EndedRun = StartedRun & {
  status: string;
  durationMs: number;
  error: { kind: string; message: string } | null;
};
