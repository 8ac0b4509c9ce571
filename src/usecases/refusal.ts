/** The expected ways in which a use case can end without doing its work. */

import type { Quotas } from '../domain/access/quotas.ts';
import type { FieldError, Result } from '../errors.ts';

/** Why a use case did nothing. `detail` is a sentence for the caller; `errors` point at fields of its input. */
export type Refusal =
  | {
      kind:
        | 'forbidden'
        | 'not_found'
        | 'task_exists'
        | 'illegal_transition'
        | 'attempt_over'
        | 'nothing_left'
        | 'conflict'
        | 'already_exists'
        | 'in_use'
        | 'secrets_off'
        | 'precondition_failed'
        | 'too_large'
        | 'too_many_requests'
        | 'unavailable';
      detail: string;
    }
  /** The input has the wrong form. */
  | { kind: 'invalid_field'; errors: FieldError[] }
  /** The input has the right form and makes no sense. */
  | { kind: 'unprocessable'; errors: FieldError[] }
  /** The task is at `version`, which is not one that the caller expects. */
  | { kind: 'other_version'; version: number }
  /**
   * A quota of the namespace is used up: it allows `limit`, and `used` is what there is or would be. `afterMs` tells
   * when a further try may succeed; null where only a change helps.
   */
  | {
      kind: 'quota_exceeded';
      quota: keyof Quotas;
      limit: number | string;
      used: number | string;
      detail: string;
      afterMs: number | null;
    }
  /** The bytes for a log begin beyond its end, or other bytes stand there. `nextOffset` is its end. */
  | { kind: 'log_gap' | 'log_conflict'; detail: string; nextOffset: number }
  /** The filters select `count` tasks, not as many as the caller expects. */
  | { kind: 'other_count'; detail: string; count: number }
  /** The idempotency key was used for another request. */
  | { kind: 'idempotency_mismatch' };

/** The answer of a use case: its value, or why it did nothing. */
export type Outcome<T> = Result<T, Refusal>;

export type Refused = { ok: false; errors: Refusal };

type LogKind = 'log_gap' | 'log_conflict';
type PlainKind = Exclude<Extract<Refusal, { detail: string }>['kind'], 'quota_exceeded' | 'other_count' | LogKind>;

/** An outcome that tells why nothing was done, in a sentence. */
export function refuse(kind: PlainKind, detail: string): Refused {
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
