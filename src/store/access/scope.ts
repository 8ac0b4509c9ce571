/** The condition that a key or a binding lies where somebody may administer it. */

import type { AdminScope } from '../../domain/access/grants.ts';

/** SQL for the two parameters that `scopeValues` gives. */
export function inScope(namespaces: string, everything: string): string {
  return `(${everything}::boolean or namespace = any(${namespaces}::text[])
    or (${namespaces}::text[] is null and namespace <> '*'))`;
}

export function scopeValues(scope: AdminScope): [namespaces: readonly string[] | null, everything: boolean] {
  return [typeof scope === 'string' ? null : scope, scope === 'all'];
}
