/** Reads the groups of a session's person anew, with the refresh token that the issuer gave. */

import { everyNamespace } from '../../domain/access/namespace.ts';
import type { Seal } from '../../domain/access/seal.ts';
import { groupsStaleBefore, groupsTriedAt } from '../../domain/access/session.ts';
import type { Result } from '../../errors.ts';
import { endSession, takeGroups, writeGroups } from '../../store/access/sessions.ts';
import { audited } from '../audit/audited.ts';
import type { UseCaseContext } from '../context.ts';
import { systemIn } from '../use-case.ts';

/** What is kept, sealed, for reading groups anew. `subject` is the claim `sub` of the person. */
export type RefreshSecret = { token: string; subject: string };

/** What the issuer says now. `person` is null where it gives no claims this time: then the groups stay. */
export type Renewed = { person: { name: string; groups: readonly string[] } | null; token: string | null };

export type GroupsContext = Pick<UseCaseContext, 'database' | 'now' | 'logAudit'> & {
  /** Null before the database has been reached. */
  refreshSeal: () => Seal | null;
  /**
   * Asks the issuer. `ended`: it ended the sign-in, or does not say any more who the person is; with the reason. `away`:
   * it could not be asked.
   */
  renew: (secret: RefreshSecret) => Promise<Result<Renewed, { kind: 'ended' | 'away'; reason: string }>>;
};

/** One replica does it, off the path of requests. Where the issuer is away the groups stay, and a later try follows. */
export async function readGroups(context: GroupsContext, hash: string): Promise<void> {
  const { database, now, refreshSeal, renew } = context;
  const seal = refreshSeal();
  if (seal === null) return;
  const taken = await takeGroups(database.pool, hash, {
    staleBefore: groupsStaleBefore(now()),
    triedAt: groupsTriedAt(now()),
  });
  const opened = taken === null ? null : seal.open(taken.refreshToken);
  if (taken === null || opened === null) return;
  const secret = JSON.parse(opened) as RefreshSecret;
  const renewed = await renew(secret);
  if (!renewed.ok && renewed.errors.kind === 'away') return;
  const reason = renewed.ok ? whyEnded(renewed.value, taken.subject) : renewed.errors.reason;
  if (reason === null && renewed.ok) {
    const { person, token } = renewed.value;
    const refreshToken = token === null ? null : seal.seal(JSON.stringify({ ...secret, token }));
    await writeGroups(database.pool, hash, { groups: person?.groups ?? null, refreshToken, at: now() });
    return;
  }
  await audited(context, systemIn(everyNamespace), async (db, note) => {
    if ((await endSession(db, hash)) === null) return;
    await note({ type: 'sign_out', subject: taken.subject, data: { reason } });
  });
}

function whyEnded({ person }: Renewed, subject: string): string | null {
  return person === null || `user:${person.name}` === subject ? null : 'the issuer gives the person another name now';
}
