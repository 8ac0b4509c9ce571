/** The one result type for expected outcomes, and the shape of a fault in something a client sent. */

/** The fault of one field. `pointer` is a URI-fragment JSON pointer (RFC 6901 §6), e.g. `#/schedule/cron`. */
export type FieldError = { pointer: string; detail: string };

/** A value, or the faults of the input that it was to be made of. */
export type Result<T, E = FieldError[]> = { ok: true; value: T } | { ok: false; errors: E };

export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

/** A refusal because of one field. */
export function fault(pointer: string, detail: string): { ok: false; errors: FieldError[] } {
  return { ok: false, errors: [{ pointer, detail }] };
}
