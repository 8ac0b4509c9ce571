/** Shared steps of reading the members of an input: JSON values, names in pointers, and noting faults. */

import { ExactNumber } from './exact-json.ts';

export const deepestJson = 64;

/** Notes a fault of the member of a target at `path`. */
export type Refuse = (path: string, detail: string) => undefined;

/**
 * The fault of a value that the store cannot hold, or null: NUL and half surrogate pairs (Postgres' jsonb has neither),
 * and values that are nested too deeply.
 */
export function faultInJson(value: unknown, depth = 0): string | null {
  if (typeof value === 'string')
    return /\0|\p{Cs}/u.test(value) ? 'must not contain NUL characters or broken surrogate pairs' : null;
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return null;
  if (depth === deepestJson) return `must not be nested deeper than ${deepestJson} levels`;
  for (const [key, member] of Object.entries(value)) {
    const detail = faultInJson(key) ?? faultInJson(member, depth + 1);
    if (detail !== null) return detail;
  }
  return null;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** A member's name as part of a URI-fragment JSON pointer (RFC 6901 §3 and §6). */
export function pointerPart(name: string): string {
  return encodeURIComponent(
    name
      .replace(/\p{Cs}/gu, '\uFFFD')
      .replaceAll('~', '~0')
      .replaceAll('/', '~1'),
  );
}
