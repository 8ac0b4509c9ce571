/** The stored secrets of a cluster as one replica reads them: their keys, and their values for calls. */

import { randomFillSync } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { createSecretValues, type SecretValues } from '../executors/secret-values.ts';
import type { Logger } from '../observability/log.ts';
import type { Queryable } from '../store/postgres/database.ts';
import { noteUse, readValues } from '../store/secrets/values.ts';
import type { UseCaseContext } from '../usecases/context.ts';
import { createSecretKeys } from './secret-keys.ts';
import type { Secrets } from './secrets.ts';

type StoredSecretsOptions = {
  secrets: Pick<Secrets, 'wrappingKeys' | 'readWrappingKeysAgain'>;
  /** Null with a Postgres server. */
  embedded: { folder: string } | null;
  db: Queryable;
  clock: Clock;
  /** Epoch milliseconds by the database's clock. */
  time: { now: () => number };
  log: Logger;
};

export type StoredSecrets = SecretValues & { forUseCases: Pick<UseCaseContext, 'secretKeys' | 'secretValues'> };

export function createStoredSecrets(options: StoredSecretsOptions): StoredSecrets {
  const { secrets, embedded, db, clock, time, log } = options;
  const folder = embedded?.folder ?? null;
  const secretKeys = createSecretKeys({
    ...{ configured: secrets.wrappingKeys, folder, random: (bytes) => void randomFillSync(bytes) },
  });
  const values = createSecretValues({
    ...{ clock, now: time.now, ring: secretKeys.ring, readKeysAgain: secrets.readWrappingKeysAgain },
    read: (wanted) => readValues(db, wanted),
    noteUse: (used, at) => noteUse(db, used, at),
    onError: (error) => log.debug({ err: error }, 'the use of secrets could not be noted'),
  });
  return {
    ...values,
    forUseCases: {
      secretKeys,
      async secretValues(namespace, names) {
        const found = await values.valuesOf(namespace, names);
        return [...found.values()].flatMap((secret) => (secret.ok ? secret.value : []));
      },
    },
  };
}
