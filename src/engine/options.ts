/** All that one replica's engine works with. */

import type { Clock } from '../clock.ts';
import type { Namespaces } from '../domain/access/namespace-rules.ts';
import type { RunIds } from '../domain/run/ids.ts';
import type { RunTokens } from '../domain/run/token.ts';
import type { Calendar } from '../domain/schedule/calendar.ts';
import type { WeightOf } from '../domain/turns/turns.ts';
import type { Executor } from '../executors/executor.ts';
import type { BreakerState } from '../executors/governor/governors.ts';
import type { Registry } from '../executors/registry.ts';
import type { NoteRuns } from '../live/live.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { OccurrenceLock } from '../redis/lock.ts';
import type { Signal } from '../redis/signals.ts';
import type { Database } from '../store/postgres/database.ts';
import type { Turns } from '../turns.ts';
import type { RunObserver } from './attempts/run-log.ts';
import type { DatabaseTime } from './cluster/database-time.ts';

export type EngineOptions = {
  clock: Clock;
  time: DatabaseTime;
  log: Logger;
  metrics: Metrics;
  namespaces: Namespaces;
  calendar: Calendar;
  random: () => number;
  /** Shares the event loop between long computations and other work. */
  turns: Turns;
  /** The pools: `claims` for the firing path, `lease` for nothing but renewals, `other` for the rest. */
  db: { claims: Database; lease: Database; other: Database };
  lock: OccurrenceLock;
  /** Hooks use them without a circuit breaker, because hooks have retries and bounds of their own. */
  executors: Pick<Registry, 'start' | 'prepare' | 'groupOf' | 'hookTarget'>;
  /** Starts the attempts of runs. */
  execute: Executor;
  tokens: RunTokens;
  runIds: RunIds;
  /** Counts and logs. */
  runs: RunObserver;
  /** The circuits that are not closed. */
  breakers: () => BreakerState[];
  /** Notes that something changed with runs of a task, for those who follow it. */
  noteRuns: NoteRuns;
  /** The same of a task that was written, here or on another replica. */
  noteTask: (namespace: string, taskId: string) => void;
  /** Called with the ids of the other live replicas each time that the lease was renewed. */
  onPeers: (ids: readonly string[]) => void;
  /** Tells every replica, this one included. */
  signal: (signal: Signal) => void;
  maxConcurrent: number;
  /** The weights of namespaces. */
  weightOf: WeightOf;
  /** How many batches may be pre-claimed at once: each keeps a connection of `claims`. */
  preClaimedBatches: number;
  leaseTtlMs: number;
  historyRetentionMs: number;
  auditRetentionMs: number;
  statsRetentionMs: number;
  /** The lease is held, so the time of the database is known. */
  onHeld: () => void;
  /** The timetable is full for the first time. */
  onLoaded: () => void;
  identity: { version: string; tz: string | null; host: string; pid: number };
};
