/** Ends open streams whose caller has lost its credentials or its role. */

import type { Clock } from '../../clock.ts';
import { roleIn } from '../../domain/access/grants.ts';
import { defaultNamespace } from '../../domain/access/namespace.ts';
import type { Namespaces } from '../../domain/access/namespace-rules.ts';
import type { Role } from '../../domain/access/role.ts';
import { refusalOf } from '../../usecases/use-case.ts';
import type { Actor } from '../auth/actor.ts';
import type { Authenticator, Headers } from '../auth/auth.ts';

export type AccessWatchOptions = {
  namespaces: Pick<Namespaces, 'rulesOf'>;
  authenticate: Authenticator;
  clock: Pick<Clock, 'after'>;
  onError: (error: unknown) => void;
};

/** A request whose answer goes on: its headers, the namespace that it acts in, and the role that it needs there. */
export type LongRequest = { headers: Headers; namespace: string; needs: Role | 'anyone' };

/** Calls `onLost` when the caller of this request may not make it any more; the answer ends that. */
export type WatchAccess = (request: LongRequest, onLost: () => void) => () => void;

/** How often callers are looked at, in milliseconds. What the database says of them is remembered for a second. */
const everyMs = 1_000;

type Watched = { request: LongRequest; onLost: () => void };
type Caller = { headers: Headers; watched: Set<Watched> };

/** Streams with the same credentials are one caller, which is looked at once. */
export function createAccessWatch({ authenticate, namespaces, clock, onError }: AccessWatchOptions): WatchAccess {
  const callers = new Map<string, Caller>();
  let isRunning = false;

  function isOpen(namespace: string): boolean {
    const rules = namespaces.rulesOf(namespace);
    return namespace === defaultNamespace || (rules !== null && !rules.closing);
  }

  function mayStay({ name, grants }: Actor, { namespace, needs }: LongRequest): boolean {
    const role = roleIn(grants, namespace);
    return role !== null && refusalOf({ name, role }, needs) === null && isOpen(namespace);
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
