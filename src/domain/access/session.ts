/** The life of a session: when it ends, when its use is written down, when the groups of its person are read anew. */

import { createHash } from 'node:crypto';

/** A session that nobody uses ends after this, in milliseconds. */
export const sessionIdleMs = 12 * 3_600_000;
/** It ends after this however much it is used. */
export const sessionLongestMs = 7 * 24 * 3_600_000;
/** Its use is written down no more often than this. */
const useNotedMs = 60_000;
/** The groups of its person are read anew after this. */
const groupsFreshMs = 15 * 60_000;
/** After groups could not be read, this passes before the next try. */
const groupsPauseMs = 60_000;

/** The ends of a session. Epoch milliseconds; `groupsAt` is null where groups are never read anew. */
export type SessionTimes = { usedAt: number; endsAt: number; groupsAt: number | null };

export function isSessionOver({ usedAt, endsAt }: SessionTimes, now: number): boolean {
  return now >= endsAt || now >= usedAt + sessionIdleMs;
}

/** Whether the use of a session at `now` is to be written down. */
export function isUseNoted({ usedAt }: SessionTimes, now: number): boolean {
  return now >= usedAt + useNotedMs;
}

/** Groups that were read before this instant are to be read anew. */
export function groupsStaleBefore(now: number): number {
  return now - groupsFreshMs;
}

/** The `groups_at` of a session whose groups are being read anew: the next try comes after a pause. */
export function groupsTriedAt(now: number): number {
  return groupsStaleBefore(now) + groupsPauseMs;
}

/** The hash under which the database knows the id of a session, or the state of a sign-in, in lower-case hex. */
export function hashOfId(id: string): string {
  return createHash('sha256').update(id).digest('hex');
}
