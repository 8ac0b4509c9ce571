/** The expected ways in which a use case can end without doing its work. */

import type { FieldError, Result } from '../errors.ts';

/** Why a use case did nothing. `detail` is a sentence for the caller; `errors` point at fields of its input. */
export type Refusal =
  | {
      kind:
        | 'forbidden'
        | 'not_found'
        | 'task_exists'
        | 'illegal_transition'
        | 'nothing_left'
        | 'conflict'
        | 'precondition_failed'
        | 'too_large'
        | 'unavailable';
      detail: string;
    }
  /** The input has the wrong form. */
  | { kind: 'invalid_field'; errors: FieldError[] }
  /** The input has the right form and makes no sense. */
  | { kind: 'unprocessable'; errors: FieldError[] }
  /** The task is at `version`, which is not one that the caller expects. */
  | { kind: 'other_version'; version: number }
  /** The idempotency key was used for another request. */
  | { kind: 'idempotency_mismatch' };

/** The answer of a use case: its value, or why it did nothing. */
export type Outcome<T> = Result<T, Refusal>;

export type Refused = { ok: false; errors: Refusal };

/** An outcome that tells why nothing was done, in a sentence. */
export function refuse(kind: Extract<Refusal, { detail: string }>['kind'], detail: string): Refused {
  return { ok: false, errors: { kind, detail } };
}

/** The refusal of input that makes no sense. */
export function meaningless(errors: FieldError[]): Refused {
  return { ok: false, errors: { kind: 'unprocessable', errors } };
}

/** The refusal of input that has the wrong form. */
export function malformed(errors: FieldError[]): Refused {
  return { ok: false, errors: { kind: 'invalid_field', errors } };
}

/** `what` names the missing thing, for example `task "a"`. */
export function notFound(what: string): Refused {
  return refuse('not_found', `${what} does not exist`);
}
