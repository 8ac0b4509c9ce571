/** How the body of a target is kept: as a plain value, with its text where that says more. */

import { holdsExactNumber, parseExactJson, writeExactJson } from '../../../domain/input/exact-json.ts';
import { deepestJson } from '../../../domain/input/field.ts';

/** The members of a target that hold it. */
type Stored = { body?: unknown; bodyText?: string };

/** How a body is kept: readers that ignore its text still find a plain value. */
export function storedBody(body: unknown): Stored {
  if (!holdsExactNumber(body)) return { body };
  return { body: JSON.parse(JSON.stringify(body)), bodyText: writeExactJson(body) };
}

/** The body of a target with its exact numbers, as it was given to `storedBody`. */
export function exactBody({ body, bodyText }: Stored): unknown {
  const read = bodyText === undefined ? null : parseExactJson(bodyText, 2 * deepestJson);
  return read?.ok ? read.value : body;
}
