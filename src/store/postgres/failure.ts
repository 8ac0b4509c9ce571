/** Tells the kinds of failure of the store apart. */

import { DrizzleQueryError } from 'drizzle-orm';

/** No usable connection could be opened. The request is not at fault. */
export class ConnectFailure extends Error {}

/**
 * SQLSTATE classes and codes that mean "not now": connection lost, credentials refused, no such database yet, out of
 * resources, shutting down, timed out, a standby, or a pooler that does not know our statements any more.
 */
const unavailableStates = /^(08|28|3D000|53|57P|57014|55P03|25P03|25006|26000|42P05|40)/;
const unavailableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const unavailableMessages = /timeout|Connection terminated|not queryable|pool after calling end|connection is closed/i;

/** Whether the store could not be reached or could not answer in time, so that the same request may succeed later. */
export function isUnavailable(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof ConnectFailure) return true;
    const code = (cause as { code?: unknown }).code;
    if (typeof code === 'string') {
      if (unavailableStates.test(code) || unavailableCodes.has(code)) return true;
      continue;
    }
    // drizzle's own message holds the statement with its parameters, so it may contain any word.
    if (!(cause instanceof DrizzleQueryError) && unavailableMessages.test(cause.message)) return true;
  }
  return false;
}

/** Whether Postgres refuses the credentials, which may have been replaced meanwhile. */
export function isRefused(error: unknown): boolean {
  return /^28/.test(codeOf(error) ?? '');
}

/** Whether the role has no right to a statement. */
export function isForbidden(error: unknown): boolean {
  return codeOf(error) === '42501';
}

/**
 * Whether this connection and all older ones must not be used again: the server has become a standby or shuts down, or
 * a pooler has mixed up prepared statements.
 */
export function spoilsConnections(error: unknown): boolean {
  return /^(25006|57P0[1-5]|26000|42P05)$/.test(codeOf(error) ?? '');
}

const causes: readonly [RegExp, string][] = [
  [/^25006$/, 'it is read-only'],
  [/^28/, 'it refuses the credentials'],
  [/^3D000$/, 'the database does not exist'],
  [/^(26000|42P05)$/, 'what is prepared on its connections is mixed up: is there a pooler in transaction mode?'],
  [/^53/, 'it is out of connections, memory or space'],
  [/^57P03$/, 'it cannot take connections yet'],
  [/^57P/, 'it is shutting down, or ended the session'],
  [/^(57014|55P03|25P03)$/, 'a statement took too long'],
  [/^42501$/, 'the role lacks a right'],
  [/^(08|E[A-Z]+)/, 'it cannot be reached'],
];

/** A sentence for people about a failure of Postgres. With a code where there is one, and nothing secret. */
export function describeFailure(error: unknown): string {
  const code = codeOf(error);
  const cause = causes.find(([codes]) => code !== null && codes.test(code))?.[1];
  if (cause !== undefined) return `${cause} (${code})`;
  if (code !== null) return `it answers with an error (${code})`;
  return 'it does not answer in time';
}

/** The first code in the chain of causes. */
function codeOf(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return null;
}

/** Whether Postgres undid the whole statement or transaction: a deadlock, or a failed serialization. */
export function isRolledBack(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (code === '40P01' || code === '40001') return true;
  }
  return false;
}

/**
 * Whether Postgres refuses the value itself, so that repeating is useless: a NUL in a text, a number out of range
 * (SQLSTATE class 22), or one that is too long or too deep for an index or a parser (class 54).
 */
export function isBadData(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string' && /^(22|54)...$/.test(code)) return true;
  }
  return false;
}

/** Whether the disk of the store is full (SQLSTATE 53100). */
export function isDiskFull(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (code === '53100' || code === 'ENOSPC' || code === 'EDQUOT') return true;
  }
  return false;
}

/** The name of the constraint that refused a write, or null. */
export function violatedConstraint(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, constraint } = cause as { code?: unknown; constraint?: unknown };
    if (code === '23505' && typeof constraint === 'string') return constraint;
  }
  return null;
}
