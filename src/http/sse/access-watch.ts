/** Ends open streams whose caller has lost its credentials or its role. */

import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../clock.ts';
import { roleIn } from '../../domain/access/grants.ts';
import { defaultNamespace } from '../../domain/access/namespace.ts';
import { refusalOf } from '../../usecases/use-case.ts';
import type { Actor } from '../auth/actor.ts';
import type { Authenticator, Headers } from '../auth/auth.ts';
import type { HttpContext } from '../context.ts';

export type AccessWatchOptions = Pick<HttpContext, 'namespaces'> & {
  authenticate: Authenticator;
  clock: Pick<Clock, 'after'>;
  onError: (error: unknown) => void;
};

/** Calls `onLost`, once, when the caller of this request may not make it any more; the answer ends that. */
export type WatchAccess = (request: FastifyRequest, onLost: () => void) => () => void;

/** How often callers are looked at, in milliseconds. What the database says of them is remembered for a second. */
const everyMs = 1_000;

type Watched = { request: FastifyRequest; onLost: () => void };
type Caller = { headers: Headers; watched: Set<Watched> };

/** Streams with the same credentials are one caller, which is looked at once. */
export function createAccessWatch({ authenticate, namespaces, clock, onError }: AccessWatchOptions): WatchAccess {
  const callers = new Map<string, Caller>();
  let isRunning = false;

  function isOpen(namespace: string): boolean {
    const rules = namespaces.rulesOf(namespace);
    return namespace === defaultNamespace || (rules !== null && !rules.closing);
  }

  function mayStay(actor: Actor, { acting, routeOptions }: FastifyRequest): boolean {
    const role = roleIn(actor.grants, acting.namespace);
    const needs = routeOptions.config.role;
    if (role === null || needs === undefined || needs === 'public' || needs === 'token') return false;
    return refusalOf({ name: actor.name, role }, needs) === null && isOpen(acting.namespace);
  }

  async function look({ headers, watched }: Caller): Promise<void> {
    const answer = await authenticate(headers);
    // While the database is away nothing is known of its callers.
    if (!answer.ok && answer.errors.reason === 'unavailable') return;
    for (const each of watched) if (!answer.ok || !mayStay(answer.value, each.request)) each.onLost();
  }

  async function lookAtAll(): Promise<void> {
    await Promise.all([...callers.values()].map((caller) => look(caller).catch(onError)));
    isRunning = callers.size > 0;
    if (isRunning) clock.after(everyMs, lookAtAll);
  }

  return (request, onLost) => {
    const { authorization, cookie, 'x-api-key': apiKey } = request.headers;
    const credentials = JSON.stringify([authorization, cookie, apiKey]);
    const headers = { authorization, cookie, 'x-api-key': apiKey };
    const caller = callers.get(credentials) ?? { headers, watched: new Set() };
    const entry = { request, onLost };
    caller.watched.add(entry);
    callers.set(credentials, caller);
    if (!isRunning) {
      isRunning = true;
      clock.after(everyMs, lookAtAll);
    }
    return () => {
      caller.watched.delete(entry);
      if (caller.watched.size === 0 && callers.get(credentials) === caller) callers.delete(credentials);
    };
  };
}
