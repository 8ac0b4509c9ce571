/**
 * The token with which a target reports about its own attempt. Only that target gets it. It is computed, not stored.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';

export type RunTokens = {
  /** The token of one attempt. */
  tokenOf(runId: string, attempt: number): string;
  /** The attempt that a token of this run was made for; null when it is none of ours. */
  attemptOf(runId: string, token: string): number | null;
};

/** `secret` is shared by all replicas of a database, and never shown. */
export function createRunTokens(secret: string): RunTokens {
  function tokenOf(runId: string, attempt: number): string {
    const mac = createHmac('sha256', secret).update(`${runId}.${attempt}`).digest('base64url');
    return `${attempt}.${mac}`;
  }
  return {
    tokenOf,
    attemptOf(runId, token) {
      const attempt = Number(/^([1-9]\d{0,4})\.[\w-]{43}$/.exec(token)?.[1] ?? 0);
      if (attempt === 0) return null;
      const right = timingSafeEqual(Buffer.from(token), Buffer.from(tokenOf(runId, attempt)));
      return right ? attempt : null;
    },
  };
}
