/** The caller of a use case, and the check of its role. No use case can be called without the check. */

import type { Grant } from '../domain/access/grants.ts';
import { everyNamespace } from '../domain/access/namespace.ts';
import { type Role, roleAllows } from '../domain/access/role.ts';
import type { Author } from '../store/events/events.ts';
import type { UseCaseContext } from './context.ts';
import { type Outcome, type Refused, refuse } from './refusal.ts';

/** How a caller signed in. `none` in open mode; `system` is Punctual itself. */
export type Via = 'key' | 'jwt' | 'session' | 'none' | 'system';

/** The caller of a use case. */
export type Caller = {
  /** As events and the audit name it: `key:ci`, `jwt:alice`, `user:ann@example.org`, `anonymous`, `scheduler`. */
  name: string;
  via: Via;
  /** The namespace that the use case acts in; `*` for what belongs to no namespace. */
  namespace: string;
  /** The caller's role in that namespace; its highest role anywhere for what belongs to no namespace. */
  role: Role;
  /** All that the caller may do. */
  grants: readonly Grant[];
  /** The network address that the request came from; null where there is no request, as for `requestId`. */
  address: string | null;
  requestId: string | null;
};

/** As much of a caller as is written down with what it did. */
export type Doer = Pick<Caller, 'name' | 'via' | 'namespace' | 'address' | 'requestId'>;

/** Punctual itself, in one namespace. */
export function systemIn(namespace: string): Caller {
  const grants: Grant[] = [{ role: 'owner', namespace: everyNamespace }];
  return { name: 'scheduler', via: 'system', namespace, role: 'owner', grants, address: null, requestId: null };
}

/** What a use case asks of its caller: a role, or no more than to have signed in. */
type Needs = Role | 'anyone';

/** The refusal of a caller whose role is below `needs`; null when the caller may go on. */
export function refusalOf({ name, role }: Pick<Caller, 'name' | 'role'>, needs: Needs): Refused | null {
  if (needs === 'anyone') return null;
  return roleAllows(role, needs) ? null : refuse('forbidden', `this needs the role ${needs}; "${name}" is ${role}`);
}

type Work = (context: UseCaseContext, caller: Caller, input: never) => Promise<Outcome<unknown>>;

/**
 * A use case: `work` for callers whose role covers `needs`, a refusal for all others. A route or
 * command that offers it reads `needs` from it.
 */
export function useCase<W extends Work, N extends Needs>(needs: N, work: W): W & { readonly needs: N } {
  const checked: Work = async (context, caller, input) => refusalOf(caller, needs) ?? work(context, caller, input);
  return Object.assign(checked as W, { needs });
}

/** The author that the events of a change name. `source` is the caller's name for the cause of the request. */
export function authorOf({ name, via, address, requestId }: Doer, source: string | null = null): Author {
  return { actor: name, via: via === 'system' ? null : via, address, requestId, source };
}
