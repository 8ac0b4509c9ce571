/** Every error this API answers with: one table, and the RFC 9457 document made of it. */

import type { FieldError } from '../errors.ts';
import { readTarget } from './origin/base-path.ts';

/** The codes of all problems. A test ties the documentation to this table. */
export const problemTable = {
  malformed: { status: 400, title: 'The request is malformed' },
  invalid_field: { status: 400, title: 'A field has the wrong form or is not known' },
  namespace_needed: { status: 400, title: 'The request has to name a namespace' },
  unauthenticated: { status: 401, title: 'Credentials are missing or not valid' },
  forbidden: { status: 403, title: 'The role does not allow this' },
  no_binding: { status: 403, title: 'Nobody gave this person or group a role' },
  cross_site: { status: 403, title: 'A page of another origin asks for this' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'The path does not have this method' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  task_exists: { status: 409, title: 'A task with this id exists' },
  illegal_transition: { status: 409, title: 'The current status does not allow this' },
  attempt_over: { status: 409, title: 'The attempt is over' },
  log_gap: { status: 409, title: 'The bytes begin beyond the end of the log' },
  log_conflict: { status: 409, title: 'The log has other bytes there' },
  nothing_left: { status: 409, title: 'The task has no occurrence left' },
  already_exists: { status: 409, title: 'Something with this name exists' },
  in_use: { status: 409, title: 'Something else still needs it' },
  conflict: { status: 409, title: 'Another request changed it at the same time' },
  precondition_failed: { status: 412, title: 'The resource is not in the expected version' },
  too_large: { status: 413, title: 'The request is too large' },
  uri_too_long: { status: 414, title: 'The URL is too long' },
  unsupported_media_type: { status: 415, title: 'The media type is not supported' },
  expectation_failed: { status: 417, title: 'The expectation cannot be met' },
  misdirected: { status: 421, title: 'The request is meant for another host' },
  unprocessable: { status: 422, title: 'The request is well-formed but makes no sense' },
  idempotency_mismatch: { status: 422, title: 'The idempotency key was used for another request' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  quota_exceeded: { status: 429, title: 'A quota of the namespace is used up' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'Internal error' },
  secrets_off: { status: 503, title: 'Secrets are switched off' },
  unavailable: { status: 503, title: 'Not available right now' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problemTable;

/** Thrown by handlers to end a request with a problem. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly errors: FieldError[] | undefined;
  readonly headers: Record<string, string>;
  /** Members of the document beside those of all problems. */
  readonly members: Record<string, unknown>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: { errors?: FieldError[]; headers?: Record<string, string>; members?: Record<string, unknown> } = {},
  ) {
    super(detail);
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
    this.members = more.members ?? {};
  }
}

export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ProblemCode;
  requestId: string;
  errors?: FieldError[];
};

/** `originalUrl` is the client's own, where routes know the path by another name. */
export function problemOf(error: ProblemError, request: { url: string; originalUrl?: string; id: string }): Problem {
  const { status, title } = problemTable[error.code];
  return {
    type: `urn:punctual:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    instance: readTarget(request.originalUrl ?? request.url).path.split('?', 1)[0] ?? '/',
    code: error.code,
    requestId: request.id,
    ...error.members,
    ...(error.errors ? { errors: error.errors } : {}),
  };
}

/** 422 for input that has the right form and makes no sense. */
export function unprocessable(errors: FieldError[]): ProblemError {
  return new ProblemError('unprocessable', sentence(errors), { errors });
}

/** 400 for input of the wrong form. */
export function invalidField(errors: FieldError[]): ProblemError {
  return new ProblemError('invalid_field', sentence(errors), { errors });
}

/** 403 for a change with the cookie of a session that does not come from a page of this service. */
export function notOwnPage(): ProblemError {
  return new ProblemError(
    'cross_site',
    'a change with the cookie of a session needs the header Origin of this service: PUBLIC_URL, or the host asked for',
  );
}

function sentence(errors: FieldError[]): string {
  const [first] = errors;
  if (!first) return 'The input is not valid.';
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return `${first.pointer === '#' ? 'The input' : first.pointer.slice(2)}: ${first.detail}${more}`;
}
