/** Tells what kind of failure an error of the store is. */

import { DrizzleQueryError } from 'drizzle-orm';

/** SQLSTATE classes and codes that mean "not now": connection lost, shutting down, out of resources, timed out. */
const unavailableStates = /^(08|53|57P|57014|55P03|25P03|40)/;
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
    const code = (cause as { code?: unknown }).code;
    if (typeof code === 'string') {
      if (unavailableStates.test(code) || unavailableCodes.has(code)) return true;
      continue;
    }
    // drizzle's own message is the statement with its parameters: any word may stand there.
    if (!(cause instanceof DrizzleQueryError) && unavailableMessages.test(cause.message)) return true;
  }
  return false;
}

/** Whether Postgres undid the whole statement or transaction so that others can go on: a deadlock, or no serial order. */
export function isRolledBack(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (code === '40P01' || code === '40001') return true;
  }
  return false;
}

/**
 * Whether Postgres refuses a value as such, now and for ever: a NUL in a text, a number out of range (SQLSTATE class 22), or
 * one that is too long or too deep for an index or a parser (class 54).
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
