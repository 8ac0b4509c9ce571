/** The caller of a use case, and the check of its role. No use case can be called without the check. */

import { type Role, roleAllows } from '../domain/role.ts';
import type { Author } from '../store/events/events.ts';
import type { UseCaseContext } from './context.ts';
import { type Outcome, type Refused, refuse } from './refusal.ts';

/**
 * The caller of a use case, with its namespace. `requestId` stands in the events of the change; null when
 * there is no request.
 */
export type Caller = { name: string; role: Role; namespace: string; requestId: string | null };

/** Punctual itself, in one namespace. */
export function systemIn(namespace: string): Caller {
  return { name: 'scheduler', role: 'admin', namespace, requestId: null };
}

/** The refusal of a caller whose role is below `needs`; null when the caller may go on. */
export function refusalOf({ name, role }: Pick<Caller, 'name' | 'role'>, needs: Role): Refused | null {
  return roleAllows(role, needs) ? null : refuse('forbidden', `this needs the role ${needs}; "${name}" is ${role}`);
}

type Work = (context: UseCaseContext, caller: Caller, input: never) => Promise<Outcome<unknown>>;

/**
 * A use case: `work` for callers whose role covers `needs`, a refusal for all others. A route or
 * command that offers it reads `needs` from it.
 */
export function useCase<W extends Work>(needs: Role, work: W): W & { readonly needs: Role } {
  const checked: Work = async (context, caller, input) => refusalOf(caller, needs) ?? work(context, caller, input);
  return Object.assign(checked as W, { needs });
}

/** The author that the events of a change name. `source` is the caller's name for the cause of the request. */
export function authorOf({ name, requestId }: Caller, source: string | null = null): Author {
  return { actor: name, requestId, source };
}
