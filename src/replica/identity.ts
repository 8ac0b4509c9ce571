/**
 * How a replica finds out who its callers are: by the settings, by the keys and bindings of its database, and by the
 * sessions of people who signed in.
 */

import type { Clock } from '../clock.ts';
import { type Authenticator, createAuth } from '../http/auth/auth.ts';
import { createDirectory } from '../http/auth/directory.ts';
import { createSessions, type Sessions } from '../http/auth/sessions.ts';
import { createSignIn, type SignIn } from '../http/sign-in/sign-in.ts';
import type { Logger } from '../observability/log.ts';
import { isLoopback } from '../settings/values.ts';
import { findGrants } from '../store/access/bindings.ts';
import { findKeys } from '../store/access/keys.ts';
import { endSession, findSessions, noteUse } from '../store/access/sessions.ts';
import type { UseCaseContext } from '../usecases/context.ts';
import { createKeyUses } from '../usecases/grants/key-uses.ts';
import { readGroups } from '../usecases/sign-in/read-groups.ts';
import type { Secrets } from './secrets.ts';

/** `database` has the connections for requests. */
export type IdentityOptions = Pick<UseCaseContext, 'database' | 'now' | 'random' | 'logAudit'> & {
  authSettings: Secrets['authSettings'];
  /** Whether the database has this version's schema. */
  started: () => boolean;
  clock: Clock;
  log: Logger;
};

export type Identity = {
  authenticate: Authenticator;
  sessions: Sessions;
  signIn: SignIn;
  /** Whether nobody has to sign in. */
  isOpen: boolean;
  /** The keys of the settings. */
  keysOfSettings: UseCaseContext['keysOfSettings'];
  /** To be called after keys or bindings were changed by this replica. */
  forget: () => void;
  /** To be called with the secret of the cluster, once the database has been reached. */
  useSecret: (secret: string) => void;
  /** Writes when keys were used last. Never rejects. */
  close(): Promise<void>;
};

export function createIdentity(options: IdentityOptions): Identity {
  const { authSettings, database, started, now, random, logAudit, clock, log } = options;
  const { monotonic } = clock;
  const db = database.pool;
  let clusterSecret: string | null = null;
  const directory = createDirectory({
    findKeys: (hashes) => findKeys(db, hashes),
    findGrants: (subjects) => findGrants(db, subjects),
    monotonic,
  });
  const signIn = createSignIn({
    ...{ settings: authSettings, clusterSecret: () => clusterSecret, isLoopback, random, monotonic },
  });
  const groups = {
    ...{ database, now, logAudit, renew: signIn.renew },
    refreshSeal: () => signIn.seals()?.refresh ?? null,
  };

  /** What the answer to a request does not wait for. */
  const quietly = (what: string, work: (hash: string) => Promise<unknown>) => async (hash: string) => {
    try {
      await work(hash);
    } catch (err) {
      log.warn({ err }, `${what} could not be written down`);
    }
  };
  const sessions = createSessions({
    idOf: signIn.cookies.sessionOf,
    find: (hashes) => findSessions(db, hashes, now()),
    inBackground: {
      noteUse: quietly('the use of a session', (hash) => noteUse(db, hash, now())),
      end: quietly('the end of a session', (hash) => endSession(db, hash)),
      readGroups: quietly('the groups of a session', (hash) => readGroups(groups, hash)),
    },
    apiKeys: () => authSettings().apiKeys,
    ...{ now, monotonic },
  });
  const uses = createKeyUses({ db, now, clock, log });
  return {
    authenticate: createAuth({
      ...{ settings: authSettings, directory, sessions, started, onKeyUsed: uses.used, now, clock, log },
    }),
    ...{ sessions, signIn, isOpen: authSettings().open },
    keysOfSettings: () => authSettings().apiKeys,
    forget() {
      directory.forget();
      sessions.forget();
    },
    useSecret(secret) {
      clusterSecret = secret;
    },
    close: uses.close,
  };
}
