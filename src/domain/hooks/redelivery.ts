/** Whether and when a call to a hook is made again. */

/** A call that was tried. Instants are epoch milliseconds. */
export type TriedDelivery = {
  /** How often it was tried, this time included. */
  attempt: number;
  createdAt: number;
  now: number;
  /** Answered with 2xx. */
  succeeded: boolean;
  httpStatus: number | null;
  /** The pause that the hook asked for with `Retry-After`, in milliseconds; null when it asked for none. */
  retryAfterMs: number | null;
};

export type DeliveryVerdict = { outcome: 'delivered' | 'dropped' } | { outcome: 'retried'; dueAt: number };

/** How long a call is tried again, in milliseconds. */
export const triedForMs = 24 * 3_600_000;
const leastPauseMs = 1_000;
const mostPauseMs = 3_600_000;
const jitter = 0.2;

/** 410: the hook is gone for good. 489: it does not want to be asked again (unassigned at IANA, used so by QStash). */
const finalStatuses: readonly (number | null)[] = [410, 489];

/**
 * Decides about a tried call. It is made again after a pause, or after the time in `Retry-After` if that is longer, and
 * for the last time 24 hours after the event. `random01` is a random number in [0, 1) that spreads the pause.
 */
export function judgeDelivery(tried: TriedDelivery, random01: number): DeliveryVerdict {
  const { attempt, createdAt, now, succeeded, httpStatus, retryAfterMs } = tried;
  if (succeeded) return { outcome: 'delivered' };
  const lastAt = createdAt + triedForMs;
  if (finalStatuses.includes(httpStatus) || now >= lastAt) return { outcome: 'dropped' };
  const pause = Math.max(pauseBeforeRedelivery(attempt, random01), retryAfterMs ?? 0);
  return { outcome: 'retried', dueAt: Math.min(now + pause, lastAt) };
}

/** The pause after the try numbered `attempt` (from 1), in milliseconds: doubling from 1 s to 1 h, spread by 20 %. */
export function pauseBeforeRedelivery(attempt: number, random01: number): number {
  const planned = Math.min(leastPauseMs * 2 ** (attempt - 1), mostPauseMs);
  return Math.round(planned * (1 + jitter * (2 * random01 - 1)));
}
