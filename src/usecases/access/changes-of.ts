/** Describes a change for the audit. */

import { isDeepStrictEqual } from 'node:util';

/** The members of `after` that differ from those of `before`, each as `{from, to}`. `before` is null for a new thing. */
export function changesOf<T extends object>(
  before: T | null,
  after: T,
): Record<string, { from: unknown; to: unknown }> {
  const members = Object.keys(after) as (keyof T & string)[];
  return Object.fromEntries(
    members
      .map((name) => [name, { from: before?.[name] ?? null, to: after[name] }] as const)
      .filter(([, { from, to }]) => !isDeepStrictEqual(from, to)),
  );
}
