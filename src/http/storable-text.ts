/** The one guard for text that reaches Postgres, which knows neither NUL nor half of a surrogate pair. */

import { pointerPart } from '../domain/field.ts';
import type { FieldError } from '../errors.ts';

const unstorable = /\0|\p{Cs}/u;
const mostFaults = 20;

/** Every text in a request that Postgres would refuse, names of members included, with its pointer; the first twenty. */
export function faultsInText(request: { body?: unknown; params?: unknown; query?: unknown }): FieldError[] {
  const faults: FieldError[] = [];
  // Only what holds one is looked through for the place: pointers cost more than texts.
  for (const part of [request.params, request.query, request.body])
    if (holdsUnstorable(part)) collect(part, '#', faults);
  return faults;
}

function holdsUnstorable(value: unknown): boolean {
  if (typeof value === 'string') return unstorable.test(value);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsUnstorable);
  for (const name in value)
    if (unstorable.test(name) || holdsUnstorable((value as Record<string, unknown>)[name])) return true;
  return false;
}

function collect(value: unknown, pointer: string, faults: FieldError[]): void {
  if (faults.length >= mostFaults || !holdsUnstorable(value)) return;
  if (typeof value === 'string') {
    faults.push({ pointer, detail: 'must not contain the NUL character or half a surrogate pair' });
    return;
  }
  for (const [name, member] of Object.entries(value as object)) {
    const below = `${pointer}/${pointerPart(name)}`;
    if (unstorable.test(name)) faults.push({ pointer: below, detail: 'has a name that cannot be stored' });
    collect(member, below, faults);
  }
}

/** Whether a value has more characters as JSON, or nearly so. Stops as soon as it knows. */
export function isLargerThan(value: unknown, most: number): boolean {
  return leftAfter(value, most) < 0;
}

function leftAfter(value: unknown, most: number): number {
  if (typeof value === 'string') return most - value.length - 2;
  if (typeof value !== 'object' || value === null) return most - String(value).length;
  let left = most - 2;
  for (const name in value) {
    left -= Array.isArray(value) ? 1 : name.length + 4;
    left = leftAfter((value as Record<string, unknown>)[name], left);
    if (left < 0) return left;
  }
  return left;
}
