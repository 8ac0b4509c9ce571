/** The context of all routes. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import { defaultNamespace } from '../domain/namespace.ts';
import type { Role } from '../domain/role.ts';
import type { TargetSchemas, Targets } from '../domain/task/target.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { UseCaseContext } from '../usecases/context.ts';
import type { RunWaiters } from '../usecases/runs/run-waiters.ts';
import type { Caller } from '../usecases/use-case.ts';
import type { Actor } from './auth/actor.ts';
import type { Authenticator } from './auth/auth.ts';
import type { DoorSettings } from './door/door-settings.ts';

export type HttpContext = UseCaseContext & {
  log: Logger;
  metrics: Metrics;
  authenticate: Authenticator;
  /** The kinds of target that are registered, with their schemas. */
  targets: Targets & { schemas: TargetSchemas };
  /** Where requests wait for the end of a run. */
  runWaiters: RunWaiters;
  /** The reasons why this replica is not ready, by check; empty when it is. */
  readinessFailures: () => Promise<Record<string, string>>;
  /** Whether the store has been reached since the start, and has its schema. */
  started: () => boolean;
  /** Whether this replica shuts down: it still answers, and asks clients to reconnect elsewhere. */
  draining: () => boolean;
  version: string;
  clock: Clock;
  /** The door before the routes. */
  door: DoorSettings;
  /** Whether `/metrics` asks for credentials too. */
  metricsNeedAuth: boolean;
};

/** The Fastify instance that routes are added to. */
export type App = FastifyInstance;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The role that may call the route; a route without it cannot be registered. */
    role?: Role | 'public' | 'token';
    /** The body may hold text that Postgres cannot store: the route checks it itself. */
    anyText?: true;
  }
  interface FastifyRequest {
    actor: Actor;
  }
}

/** The caller of the use case that a request asks for. */
export function callerOf({ actor, id }: FastifyRequest): Caller {
  return { ...actor, namespace: defaultNamespace, requestId: id };
}

/** Tells whether the client of a request is still there to read its answer. */
export function isAwaited({ raw }: FastifyRequest): () => boolean {
  return () => !raw.socket.destroyed;
}
