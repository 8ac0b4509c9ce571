/** The context of all routes. */

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import type { Role } from '../domain/access/role.ts';
import type { TargetSchemas, Targets } from '../domain/task/target.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { UseCaseContext } from '../usecases/context.ts';
import type { RunWaiters } from '../usecases/runs/run-waiters.ts';
import type { Caller } from '../usecases/use-case.ts';
import type { Acting, Actor } from './auth/actor.ts';
import type { Authenticator } from './auth/auth.ts';
import type { Sessions } from './auth/sessions.ts';
import type { DoorSettings } from './door/door-settings.ts';
import type { SignIn } from './sign-in/sign-in.ts';

export type HttpContext = UseCaseContext & {
  log: Logger;
  metrics: Metrics;
  authenticate: Authenticator;
  /** Whether nobody has to sign in. */
  isOpen: boolean;
  sessions: Sessions;
  signIn: SignIn;
  /** The kinds of target that are registered, with their schemas. */
  targets: Targets & { schemas: TargetSchemas };
  /** Where requests wait for the end of a run. */
  runWaiters: RunWaiters;
  /** The reasons why this replica is not ready, by check; empty when it is. */
  readinessFailures: () => Promise<Record<string, string>>;
  /** Whether the store has been reached since the start, has its schema, and has told its time. */
  started: () => boolean;
  /** Resolves once that is so, or the first try to reach it has failed or has taken long. */
  firstTry: Promise<void>;
  /** Whether this replica shuts down: it still answers, and asks clients to reconnect elsewhere. */
  draining: () => boolean;
  /** Calls `listener` when it begins to shut down. To be called before it listens. */
  onDraining: (listener: () => void) => void;
  version: string;
  /** This process, a UUID: the ids of live events begin with it. */
  process: string;
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
    /**
     * The role that may call the route; a route without it cannot be registered. `anyone`: every caller that has signed
     * in. `token`: the target of a run.
     */
    role?: Role | 'anyone' | 'public' | 'token';
    /**
     * `cluster` where the route belongs to no namespace: the caller needs its role anywhere, and the use case looks at
     * its grants. Public routes belong to no namespace either.
     */
    scope?: 'cluster';
    /** The parameter of the path that names a namespace. One that the caller has no role in is not there. */
    names?: string;
    /** Browsers get its problems as a page. */
    page?: true;
    /** Its answer is a stream of events: the time until its head counts, not that until its end. */
    streams?: true;
    /** The body may hold text that Postgres cannot store: the route checks it itself. */
    anyText?: true;
  }
  interface FastifyRequest {
    actor: Actor;
    /** The namespace that the request acts in, and the caller's role there. */
    acting: Acting;
  }
}

/** The caller of the use case that a request asks for. */
export function callerOf({ actor, acting, ip, id }: FastifyRequest): Caller {
  return { ...actor, ...acting, address: ip, requestId: id };
}

/** Tells whether the client of a request is still there to read its answer. */
export function isAwaited({ raw }: FastifyRequest): () => boolean {
  return () => !raw.socket.destroyed;
}
