/** Finds the actors of sessions, reading each session once a second at most, and notes their use. */

import { groupsStaleBefore, hashOfId, isSessionOver, isUseNoted } from '../../domain/access/session.ts';
import { ok, type Result } from '../../errors.ts';
import type { ApiKey } from '../../settings/values.ts';
import type { FoundSession } from '../../store/access/sessions.ts';
import { type Actor, grantOf, invalid, type Refusal } from './actor.ts';
import { createRemembered } from './remembered.ts';

export type Sessions = {
  /** The id of a session in a `Cookie` header; null where there is none. */
  idOf(cookie: string | undefined): string | null;
  /** The actor of the session of this id. Rejects when the database cannot be read. */
  actorOf(id: string): Promise<Result<Actor, Refusal>>;
  /** To be called after sessions or bindings were changed here, so that this replica knows at once. */
  forget(): void;
};

export type SessionOptions = {
  idOf: Sessions['idOf'];
  /** Reads the sessions of some hashes. */
  find: (hashes: readonly string[]) => Promise<ReadonlyMap<string, FoundSession>>;
  /** These need not be waited for, and never reject. */
  inBackground: {
    noteUse: (hash: string) => Promise<void>;
    /** Ends a session whose person has no role any more. */
    end: (hash: string) => Promise<void>;
    /** Reads the groups of the person anew. */
    readGroups: (hash: string) => Promise<void>;
  };
  /** The keys of the settings as they are now. */
  apiKeys: () => readonly ApiKey[];
  /** Epoch milliseconds by the database's clock. */
  now: () => number;
  monotonic: () => number;
};

export function createSessions({ idOf, find, inBackground, apiKeys, now, monotonic }: SessionOptions): Sessions {
  const remembered = createRemembered({ read: find, monotonic });
  /** What is under way for a session, so that it is done once. */
  const underWay = new Set<string>();

  function start(work: keyof SessionOptions['inBackground'], hash: string): void {
    const name = `${work} ${hash}`;
    if (underWay.has(name)) return;
    underWay.add(name);
    void inBackground[work](hash).finally(() => underWay.delete(name));
  }

  /** A key of the settings is in no table. */
  function grantsOf({ keyHash, grants }: FoundSession): Actor['grants'] {
    const key = keyHash === null ? undefined : apiKeys().find(({ sha256 }) => sha256 === keyHash);
    return key === undefined ? grants : [grantOf(key.role, key.namespace)];
  }

  return {
    idOf,
    forget: remembered.forget,
    async actorOf(id) {
      const hash = hashOfId(id);
      const session = await remembered.get(hash);
      if (session === null || isSessionOver(session, now())) return { ok: false, errors: ended() };
      const grants = grantsOf(session);
      if (grants.length === 0) {
        if (session.keyHash === null) start('end', hash);
        return { ok: false, errors: ended() };
      }
      if (isUseNoted(session, now())) start('noteUse', hash);
      if (session.groupsAt !== null && session.groupsAt < groupsStaleBefore(now())) start('readGroups', hash);
      return ok({ name: session.subject, via: 'session', grants });
    },
  };
}

function ended(): Refusal {
  return invalid('the session has ended');
}
