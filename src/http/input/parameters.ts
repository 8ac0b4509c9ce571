/** Query parameters that mean more than their text. */

import { parseInstant } from '../../domain/input/instant.ts';
import { invalidField } from '../problems.ts';

/** The instant in epoch milliseconds, null when absent; a 400 when it is none. */
export function instantParameter(name: string, text: string | undefined): number | null {
  return text === undefined ? null : neededInstant(name, text);
}

/** The same of a parameter that cannot be absent. */
export function neededInstant(name: string, text: string): number {
  // A plus sign that was not escaped arrives as a blank.
  const instant = parseInstant(text.replace(/ (?=\d\d:\d\d$)/, '+'));
  if (instant === null)
    throw invalidField([
      { pointer: `#/${name}`, detail: `"${text}" is not an RFC 3339 instant such as "2026-12-01T09:00:00Z"` },
    ]);
  return instant;
}
