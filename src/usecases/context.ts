/** The context of all use cases: the store, the clock, and all else that they work with. */

import type { Namespaces } from '../domain/access/namespace-rules.ts';
import type { Warning } from '../domain/input/warning.ts';
import type { RunIds } from '../domain/run/ids.ts';
import type { EndedRun } from '../domain/run/run.ts';
import type { Calendar } from '../domain/schedule/calendar.ts';
import { readerIn, type Targets } from '../domain/task/target.ts';
import type { TaskContext } from '../domain/task/task.ts';
import type { Live, NoteRuns } from '../live/live.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { AuditEntry } from '../store/audit/audit.ts';
import type { Database } from '../store/postgres/database.ts';
import type { InsertTask } from '../store/tasks/inserts.ts';
import type { Turns } from '../turns.ts';
import type { Forecasts } from './forecast/forecasts.ts';
import type { RunLogs } from './logs/logs.ts';
import type { SecretKeys } from './secrets/secret-keys.ts';
import type { StartTest } from './test-calls/test-call.ts';

export type UseCaseContext = {
  database: Database;
  namespaces: Namespaces;
  /** Stores a task, with one statement for those that come at the same time. */
  insertTask: InsertTask;
  metrics: Pick<Metrics, 'cancelled' | 'skipped'>;
  calendar: Calendar;
  /** Epoch milliseconds by the database's clock. */
  now: () => number;
  /** The kinds of target that are registered. */
  targets: Targets;
  /** The fault of a rule about addresses, as in TARGET_ALLOW, as a phrase; null where it has none. */
  faultInAddressRule: (rule: string) => string | null;
  /** Tells every replica, this one first: definitions or rules changed, a run waits, or a running one is to be aborted. */
  signal: (what: 'tasks' | 'waiting' | 'checks' | 'cancel' | 'over' | 'namespaces' | 'secrets') => void;
  /** Notes that something changed with runs of a task, for those who follow it. */
  noteRuns: NoteRuns;
  /** Where those who follow a namespace hear of its changes. */
  live: Pick<Live, 'listen'>;
  /** The tasks that are to fire, and the places of those who count their occurrences. */
  forecasts: Forecasts;
  /** Starts a test call. */
  startTest: StartTest;
  /** What the logs of runs share in this replica. */
  logs: RunLogs;
  /** The keys that the values of secrets are encrypted with. */
  secretKeys: SecretKeys;
  /** The values of these secrets of a namespace, in no order, without those that cannot be read. */
  secretValues: (namespace: string, names: readonly string[]) => Promise<string[]>;
  /** The versions of time zone data here and of a replica that has newer data; null where none has. */
  olderZones: () => { own: string | null; newest: string | null } | null;
  /** The attempt that a token of this run was made for; null when it is none. */
  attemptOf: (runId: string, token: string) => number | null;
  /** The ids of the runs of occurrences in this cluster; known once it has started. */
  runIds: () => RunIds;
  /** Writes the log line of an entry of the audit, once its transaction is committed. */
  logAudit: (entry: AuditEntry) => void;
  /** The names of the API keys in the settings, each with its namespace; null for all. */
  keysOfSettings: () => readonly { name: string; namespace: string | null }[];
  /** To be called when a key or a binding was changed, so that this replica knows at once: the others take a second. */
  forgetCallers: () => void;
  /** Counts and logs the end of an attempt. */
  runEnded: (run: EndedRun) => void;
  /** A random number in [0, 1). */
  random01: () => number;
  /** Fills a buffer with random bytes. */
  random: (bytes: Uint8Array) => void;
  /** Resolves after so many milliseconds. */
  pause: (ms: number) => Promise<void>;
  /** Shares the event loop between long computations and other work. */
  turns: Turns;
  /** The same for work that holds a row or a connection of the store: it does not queue behind other requests. */
  holdingTurns: Turns;
};

/**
 * The context for reading the input of a task in a namespace, as of now. Warnings for its sender are added to `warnings`.
 */
export function taskContext(
  { now, calendar, targets }: UseCaseContext,
  namespace: string,
  warnings: Warning[],
): TaskContext {
  return {
    now: now(),
    calendar,
    targets: readerIn(targets, namespace),
    warn: (code, pointer, detail) => warnings.push({ code, pointer, detail }),
  };
}
