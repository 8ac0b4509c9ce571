/** The one guard for text that reaches Postgres, which knows neither NUL nor half of a surrogate pair. */

import { pointerPart } from '../../domain/input/field.ts';
import type { FieldError } from '../../errors.ts';

const unstorable = /\0|\p{Cs}/u;
const mostFaults = 20;

/**
 * Every text in a request that Postgres would refuse, names of members included, with its pointer; the first twenty.
 */
export function faultsInText(request: { body?: unknown; params?: unknown; query?: unknown }): FieldError[] {
  const faults: FieldError[] = [];
  for (const part of [request.params, request.query, request.body]) collect(part, [], faults);
  return faults;
}

/**
 * Goes through a value once. `path` is its place. A pointer is made of it only for a fault, because making one costs
 * more than checking a text.
 */
function collect(value: unknown, path: (string | number)[], faults: FieldError[]): void {
  if (typeof value === 'string') {
    if (unstorable.test(value)) tell(path, 'must not contain the NUL character or half a surrogate pair', faults);
  } else if (Array.isArray(value)) {
    for (let at = 0; at < value.length && faults.length < mostFaults; at++) collectMember(value[at], at, path, faults);
  } else if (typeof value === 'object' && value !== null) {
    for (const name in value) {
      if (faults.length >= mostFaults) return;
      collectMember((value as Record<string, unknown>)[name], name, path, faults);
    }
  }
}

function collectMember(value: unknown, name: string | number, path: (string | number)[], faults: FieldError[]): void {
  path.push(name);
  if (typeof name === 'string' && unstorable.test(name)) tell(path, 'has a name that cannot be stored', faults);
  collect(value, path, faults);
  path.pop();
}

function tell(path: readonly (string | number)[], detail: string, faults: FieldError[]): void {
  if (faults.length >= mostFaults) return;
  faults.push({ pointer: ['#', ...path.map((name) => pointerPart(String(name)))].join('/'), detail });
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
