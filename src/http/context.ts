/** What the routes are given to work with. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import type { Warning } from '../domain/input/warning.ts';
import type { Role } from '../domain/role.ts';
import type { RunIds } from '../domain/run/ids.ts';
import type { EndedRun } from '../domain/run/run.ts';
import type { Calendar } from '../domain/schedule/zones/calendar.ts';
import type { TargetSchemas, Targets } from '../domain/task/target.ts';
import type { TaskContext } from '../domain/task/task.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Author } from '../store/events/events.ts';
import type { Database } from '../store/postgres/database.ts';
import type { Turns } from '../turns.ts';
import type { Actor } from './auth/actor.ts';
import type { Authenticator } from './auth/auth.ts';
import type { DoorSettings } from './door/door-settings.ts';
import type { RunWaiters } from './run-waiters.ts';

export type HttpContext = {
  database: Database;
  log: Logger;
  metrics: Metrics;
  calendar: Calendar;
  authenticate: Authenticator;
  /** Epoch milliseconds by the database's clock. */
  now: () => number;
  /** The kinds of target that are registered. */
  targets: Targets & { schemas: TargetSchemas };
  /** Tells every replica, this one first: definitions changed, a run waits, or a running run is to be aborted. */
  signal: (what: 'tasks' | 'waiting' | 'checks' | 'cancel' | 'over') => void;
  /** Where requests wait for the end of a run. */
  runWaiters: RunWaiters;
  /** What keeps this replica from being ready, by check; empty when it is. */
  readinessFailures: () => Promise<Record<string, string>>;
  /** Whether the store has been reached since the start, and has its schema. */
  started: () => boolean;
  /** The versions of time zone data here and of a replica that has newer data; null where none has. */
  olderZones: () => { own: string | null; newest: string | null } | null;
  /** Whether this replica is on its way out: it still answers, and asks clients to reconnect elsewhere. */
  draining: () => boolean;
  /** The attempt that a token of this run was made for; null when it is none. */
  attemptOf: (runId: string, token: string) => number | null;
  /** How runs of occurrences are called in this cluster; known once it has started. */
  runIds: () => RunIds;
  /** Counts and logs the end of an attempt. */
  runEnded: (run: EndedRun) => void;
  /** A random number in [0, 1). */
  random01: () => number;
  /** Fills a buffer with random bytes. */
  random: (bytes: Uint8Array) => void;
  /** Resolves after so many milliseconds. */
  pause: (ms: number) => Promise<void>;
  /** Shares the event loop between long computations and all else. */
  turns: Turns;
  /** The same for what keeps a row or a connection of the store meanwhile: not behind other requests. */
  holdingTurns: Turns;
  version: string;
  clock: Clock;
  /** What lies before the routes. */
  door: DoorSettings;
  /** Whether `/metrics` asks for credentials too. */
  metricsNeedAuth: boolean;
};

/** What routes are added to. */
export type App = FastifyInstance;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; a route that does not say so cannot be registered. */
    role?: Role | 'public' | 'token';
    /** The body may hold text that Postgres cannot store: the route looks at it itself. */
    anyText?: true;
  }
  interface FastifyRequest {
    actor: Actor;
  }
}

export function authorOf(request: FastifyRequest): Author {
  return { actor: request.actor.name, requestId: request.id };
}

/** Tells whether the client of a request is still there to read its answer. */
export function isAwaited({ raw }: FastifyRequest): () => boolean {
  return () => !raw.socket.destroyed;
}

/** What reading a task needs, as of now; `warnings` takes what the reader is to be told. */
export function taskContext({ now, calendar, targets }: HttpContext, warnings: Warning[]): TaskContext {
  return {
    now: now(),
    calendar,
    targets,
    warn: (code, pointer, detail) => warnings.push({ code, pointer, detail }),
  };
}
