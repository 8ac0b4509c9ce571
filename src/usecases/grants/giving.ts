/** Decides whether a caller may give a role in a namespace to a key, a person or a group. */

import { type Grant, mayGive, roleIn } from '../../domain/access/grants.ts';
import { everyNamespace } from '../../domain/access/namespace.ts';
import type { UseCaseContext } from '../context.ts';
import { meaningless, notFound, type Refused, refuse } from '../refusal.ts';
import type { Caller } from '../use-case.ts';

/** The refusal for a namespace that would be the caller's to see, but is not there. */
export function unknownNamespace(namespace: string): Refused {
  return meaningless([{ pointer: '#/namespace', detail: `namespace "${namespace}" does not exist` }]);
}

/**
 * Why the caller may not give the role in the namespace; null when it may. Nobody gives what they do not have. A
 * namespace in which the caller has no role is not found, whether it is there or not.
 */
export async function refusalToGive(
  { namespaces }: Pick<UseCaseContext, 'namespaces'>,
  { name, grants }: Pick<Caller, 'name' | 'grants'>,
  wanted: Grant,
): Promise<Refused | null> {
  const { role, namespace } = wanted;
  const inAll = namespace === everyNamespace;
  const held = roleIn(grants, namespace);
  if (!inAll) {
    if (held === null) return notFound(`namespace "${namespace}"`);
    const rules = await namespaces.learn(namespace);
    if (rules === null || rules.closing) return unknownNamespace(namespace);
  }
  if (role === 'owner' && !inAll && held === 'owner')
    return meaningless([{ pointer: '#/namespace', detail: 'must be "*": the role owner holds in all namespaces' }]);
  if (mayGive(grants, wanted)) return null;
  const needs = inAll ? 'owner' : role === 'owner' ? 'owner' : `admin in the namespace "${namespace}"`;
  return refuse('forbidden', `to give this, "${name}" needs the role ${needs}: nobody gives what they do not have`);
}
