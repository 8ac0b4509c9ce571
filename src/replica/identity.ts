/** How a replica finds out who its callers are: by the settings, and by the keys and bindings of its database. */

import type { Clock } from '../clock.ts';
import { type Authenticator, createAuth } from '../http/auth/auth.ts';
import { createDirectory, type Directory } from '../http/auth/directory.ts';
import type { Logger } from '../observability/log.ts';
import { findGrants } from '../store/access/bindings.ts';
import { findKeys } from '../store/access/keys.ts';
import type { Database } from '../store/postgres/database.ts';
import type { UseCaseContext } from '../usecases/context.ts';
import { createKeyUses } from '../usecases/grants/key-uses.ts';
import type { Secrets } from './secrets.ts';

export type IdentityOptions = {
  authSettings: Secrets['authSettings'];
  /** The connections for requests. */
  database: Database;
  /** Whether the database has this version's schema. */
  started: () => boolean;
  /** Epoch milliseconds by the database's clock. */
  now: () => number;
  clock: Clock;
  log: Logger;
};

export type Identity = {
  authenticate: Authenticator;
  /** The keys of the settings. */
  keysOfSettings: UseCaseContext['keysOfSettings'];
  /** To be called after keys or bindings were changed by this replica. */
  forget: Directory['forget'];
  /** Writes when keys were used last. Never rejects. */
  close(): Promise<void>;
};

export function createIdentity({ authSettings, database, started, now, clock, log }: IdentityOptions): Identity {
  const directory = createDirectory({
    findKeys: (hashes) => findKeys(database.pool, hashes),
    findGrants: (subjects) => findGrants(database.pool, subjects),
    monotonic: clock.monotonic,
  });
  const uses = createKeyUses({ db: database.pool, now, clock, log });
  return {
    authenticate: createAuth({
      ...{ settings: authSettings, directory, started, onKeyUsed: uses.used, now, clock, log },
    }),
    keysOfSettings: () => authSettings().apiKeys,
    forget: directory.forget,
    close: uses.close,
  };
}
