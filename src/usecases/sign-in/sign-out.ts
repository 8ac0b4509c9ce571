/** Ends the session of a caller, or all sessions of the same person or key. */

import { everyNamespace } from '../../domain/access/namespace.ts';
import { hashOfId } from '../../domain/access/session.ts';
import { endAllSessions, endSession } from '../../store/access/sessions.ts';
import { audited } from '../audit/audited.ts';
import type { UseCaseContext } from '../context.ts';
import type { Visitor } from './visitor.ts';

/** `id` is that of the cookie. False where it was of no session. */
export function signOut(
  context: Pick<UseCaseContext, 'database' | 'now' | 'logAudit'>,
  visitor: Visitor,
  { id, subject, all }: { id: string; subject: string; all: boolean },
): Promise<boolean> {
  const author = { ...visitor, name: subject, via: 'session', namespace: everyNamespace } as const;
  return audited(context, author, async (db, note) => {
    const ended = await endSession(db, hashOfId(id));
    if (ended === null) return false;
    if (all) await endAllSessions(db, ended);
    await note({ type: 'sign_out', subject, data: { all } });
    return true;
  });
}
