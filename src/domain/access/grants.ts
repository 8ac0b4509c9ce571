/** Grants: which role a caller has in which namespace, and the namespace that a request without one acts in. */

import { defaultNamespace, everyNamespace } from './namespace.ts';
import { highest, type Role } from './role.ts';

/** A role in one namespace, or in all of them (`*`). The role `owner` is only granted in all. */
export type Grant = { role: Role; namespace: string };

/** The role in one namespace; null where there is none. */
export function roleIn(grants: readonly Grant[], namespace: string): Role | null {
  const held = grants.filter((grant) => grant.namespace === namespace || grant.namespace === everyNamespace);
  return highest(held.map(({ role }) => role));
}

/** The highest role anywhere; null where there is no grant. */
export function roleAnywhere(grants: readonly Grant[]): Role | null {
  return highest(grants.map(({ role }) => role));
}

/**
 * The namespace of a request that names none: `default` where the caller has a role in it, else the caller's only one.
 * `choices` are the namespaces of which such a caller has to name one; empty for a caller without any grant.
 */
export function ownNamespace(grants: readonly Grant[]): { namespace: string } | { choices: string[] } {
  if (roleIn(grants, defaultNamespace) !== null) return { namespace: defaultNamespace };
  const choices = [...new Set(grants.map(({ namespace }) => namespace))].sort();
  return choices.length === 1 ? { namespace: choices[0] as string } : { choices };
}

/** Whether somebody with `held` may give `wanted` to others: nobody gives a role that they do not have there. */
export function mayGive(held: readonly Grant[], wanted: Grant): boolean {
  const own =
    wanted.namespace === everyNamespace
      ? highest(held.filter(({ namespace }) => namespace === everyNamespace).map(({ role }) => role))
      : roleIn(held, wanted.namespace);
  if (own === 'owner') return true;
  return own === 'admin' && wanted.role !== 'owner' && wanted.namespace !== everyNamespace;
}

/**
 * The namespaces whose keys and bindings somebody may administer: those of a list, `each` of them, or `all`, which
 * includes what holds in all namespaces at once.
 */
export type AdminScope = readonly string[] | 'each' | 'all';

/** What somebody with `held` may see and take away: all that it may give. */
export function adminScope(held: readonly Grant[]): AdminScope {
  if (held.some(({ role }) => role === 'owner')) return 'all';
  const namespaces = held.filter(({ role }) => role === 'admin').map(({ namespace }) => namespace);
  return namespaces.includes(everyNamespace) ? 'each' : [...new Set(namespaces)];
}
