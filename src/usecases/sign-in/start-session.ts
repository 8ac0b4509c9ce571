/** Begins the session of a person who signed in with the issuer, or of whoever has a key. */

import { everyNamespace } from '../../domain/access/namespace.ts';
import { hashOfId, sessionLongestMs } from '../../domain/access/session.ts';
import { findGrants } from '../../store/access/bindings.ts';
import { insertSession } from '../../store/access/sessions.ts';
import { audited } from '../audit/audited.ts';
import type { UseCaseContext } from '../context.ts';
import type { Visitor } from './visitor.ts';

/** Whose session it is. `refreshToken` is sealed; null where there is none. */
export type SessionOwner =
  | { kind: 'person'; name: string; groups: readonly string[]; refreshToken: string | null }
  | { kind: 'key'; subject: string; keyHash: string };

/** `id` is for the cookie, and stands nowhere else. `endsAt` is in epoch milliseconds. */
export type StartedSession = { id: string; subject: string; endsAt: number };

const idBytes = 32;

/** Null for a person to whom, and to whose groups, nobody gave a role. */
export async function startSession(
  context: Pick<UseCaseContext, 'database' | 'now' | 'random' | 'logAudit'>,
  visitor: Visitor,
  owner: SessionOwner,
): Promise<StartedSession | null> {
  const subject = owner.kind === 'key' ? owner.subject : `user:${owner.name}`;
  const [groups, keyHash, refreshToken] =
    owner.kind === 'key' ? [[], owner.keyHash, null] : [owner.groups, null, owner.refreshToken];
  if (owner.kind === 'person') {
    const subjects = [subject, ...groups.map((group) => `group:${group}`)];
    if ((await findGrants(context.database.pool, subjects)).size === 0) return null;
  }
  const bytes = Buffer.alloc(idBytes);
  context.random(bytes);
  const id = bytes.toString('base64url');
  const at = context.now();
  const endsAt = at + sessionLongestMs;
  const author = { ...visitor, name: subject, via: 'session', namespace: everyNamespace } as const;
  await audited(context, author, async (db, note) => {
    await insertSession(db, { hash: hashOfId(id), subject, groups, keyHash, at, endsAt, refreshToken });
    await note({ type: 'sign_in', subject, data: { with: owner.kind === 'key' ? 'key' : 'oidc', groups } });
  });
  return { id, subject, endsAt };
}
