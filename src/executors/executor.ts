/** The contract between the engine and the code that calls one kind of target. */

import type { Detail } from '../domain/run/detail.ts';
import type { ErrorKind, RunOrigin, Trigger } from '../domain/run/run.ts';
import type { Target } from '../domain/task/target.ts';

/** One attempt to make. Instants are epoch milliseconds. */
export type Attempt<T extends Target = Target> = {
  /** Of the task. */
  namespace: string;
  taskId: string;
  runId: string;
  attempt: number;
  scheduledFor: number;
  /** `test`: a caller tries the target, and there is no run. */
  trigger: Trigger | 'test';
  /** The description that the request for the run gave of it; absent or null where there is none. */
  origin?: RunOrigin | null;
  /** The JSON text that the request gave the run to work on; absent or null where it gave none. */
  input?: string | null;
  target: T;
  /** Total time the attempt may take, in milliseconds: connecting, sending and reading the answer. */
  timeoutMs: number;
  /** The target that is called instead while the circuit of the first is open; null when there is none. */
  fallback: Target | null;
  /**
   * How long a holder may be silent, in milliseconds. With this the outcome may be `held`, and the end is reported
   * later. Null where the task does not allow it.
   */
  holdMs: number | null;
  /**
   * Whether the target must never get the call twice. Otherwise a call whose reused connection broke before any byte of
   * an answer is sent once more.
   */
  atMostOnce: boolean;
  /** The token with which the target reports about this attempt; null when there is none. */
  token: string | null;
  /** The parts of the task that templates may name; null where the target has no templates. */
  about: { name: string; labels: Record<string, string> } | null;
  /** The task's own signing secrets, as `Signing` has them; absent or null where it has none. */
  signing?: string | null;
  /** The order among attempts that wait for a connection: the earliest goes first. Absent: before all others. */
  effectiveDueAt?: number;
  /** Takes what is sent, without credentials and values of secrets, before it is sent; absent where nobody looks. */
  onRequest?: (request: object) => void;
  /** The id under which a receiver knows a message about the run; absent where the run itself is carried out. */
  messageId?: string;
};

/** How an attempt ended. It is a value for everything that a target does, and never thrown. */
export type Outcome = {
  status:
    | 'succeeded'
    | 'failed'
    | 'timed_out'
    | 'cancelled'
    /** The attempt goes on elsewhere: its holder reports the end. */
    | 'held'
    /** The target was not called. */
    | 'deferred';
  detail: Detail | null;
  /** The first 16 KiB of the answer's body as text, or null when there was no answer. */
  output: string | null;
  truncated: boolean;
  /** Null when it succeeded. */
  error: { kind: ErrorKind; message: string } | null;
  /** The pause that the target asked for with `Retry-After`, in milliseconds from now; null when it did not. */
  retryAfterMs: number | null;
  /** Whether another attempt would be useless: the target says so (489), or its templates cannot be filled in. */
  isFinal: boolean;
  /** Set where a rule about addresses refused the target. */
  isDenied?: true;
  /** Whether the fallback was called instead of the target. */
  viaFallback: boolean;
  /** For `deferred`; else null. */
  deferred: Deferral | null;
  /** For `held`; else null. */
  held: Held | null;
};

/**
 * When to try again, in milliseconds from now, and why the target was not called: its circuit is open, or all
 * connections to its origin are taken by calls that do not end.
 */
export type Deferral = { ms: number; cause: 'circuit_open' | 'origin_full' };

/**
 * A held attempt goes on outside of any replica. Its holder, such as a target that answered 202, reports the end.
 * `until`: the deadline for the next sign of life, in epoch milliseconds by the database's clock. `waitsFor`: a noun
 * for the message when the deadline passes, as in "no heartbeat within 5m".
 */
export type Held = { until: number; waitsFor: string };

/** An attempt under way: `outcome` never rejects, and `cancel` ends it at once as `cancelled`. */
export type StartedAttempt = {
  outcome: Promise<Outcome>;
  cancel(): void;
  /** True where it is already known that the outcome will be `deferred`. */
  isDeferred?: boolean;
};

/** Starts one attempt. */
export type Executor<T extends Target = Target> = (attempt: Attempt<T>) => StartedAttempt;
