/** JSON merge patch (RFC 7396). */

import { ExactNumber } from './exact-json.ts';

/** The target with the patch applied; neither is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    // Also a member named `__proto__` is one like any other.
    else {
      const changed = mergePatch(Object.hasOwn(merged, name) ? merged[name] : undefined, value);
      Object.defineProperty(merged, name, { value: changed, writable: true, enumerable: true, configurable: true });
    }
  }
  return merged;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}
