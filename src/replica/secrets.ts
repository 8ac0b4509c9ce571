/** The keys and secrets of a replica, which can be read again from their files while it runs. */

import type { KeyObject } from 'node:crypto';
import type { KeyRing } from '../domain/secrets/key-ring.ts';
import type { Result } from '../errors.ts';
import { createSignatures, type Signatures } from '../executors/http/signature.ts';
import type { Logger } from '../observability/log.ts';
import type { RedisAddress } from '../settings/redis.ts';
import type { Settings } from '../settings/settings.ts';

export type Secrets = {
  /** The settings in use now: keys and secrets of callers are checked with them. */
  authSettings: () => Settings;
  signerFor: Signatures['signerFor'];
  /** The keys that the values of secrets are encrypted with, as they are now. */
  wrappingKeys: () => KeyRing;
  /** Reads the settings again where these keys have changed; whether they have. */
  readWrappingKeysAgain: () => boolean;
  /** Of `DATABASE_URL` and `MIGRATION_DATABASE_URL`; empty where they are not set. */
  database: StoreAddress;
  /** Of `REDIS_URL`; null where it is not set. */
  redis: { address: RedisAddress; readAgain: () => RedisAddress } | null;
  owner: StoreAddress;
  /**
   * Reads all settings again and uses the keys and secrets in them from now on; a fault is logged, and the old ones
   * stay. Never throws.
   */
  readAgain(): void;
};

/** A connection string, and how to read it again when its credentials are refused: its file may hold others by then. */
export type StoreAddress = { connectionString: string; readAgain: () => string };

export type SecretsOptions = {
  settings: Settings;
  /** As at the start: the environment is the same, the files that it names may not be. */
  readSettings: () => Result<Settings, string[]>;
  log: Logger;
};

export function createSecrets({ settings, readSettings, log }: SecretsOptions): Secrets {
  const signatures = createSignatures(settings.signingSecrets);
  let current = settings;

  function storeAddress(name: 'databaseUrl' | 'migrationDatabaseUrl'): StoreAddress {
    let last = settings[name] ?? '';
    return {
      connectionString: last,
      readAgain() {
        const read = readSettings();
        last = (read.ok && read.value[name]) || last;
        return last;
      },
    };
  }

  function redisSource(): Secrets['redis'] {
    const address = settings.redisUrl;
    if (address === null) return null;
    return {
      address,
      readAgain() {
        const read = readSettings();
        return (read.ok && read.value.redisUrl) || address;
      },
    };
  }

  function readAgain(): void {
    const read = readSettings();
    if (!read.ok) {
      log.error({ faults: read.errors }, 'the settings could not be read again: keys and secrets stay as they were');
      return;
    }
    const changed = changedSecrets(current, read.value);
    current = read.value;
    signatures.replace(current.signingSecrets);
    log.info({ changed }, 'the settings were read again: keys and secrets are those of the files now');
  }

  return {
    redis: redisSource(),
    database: storeAddress('databaseUrl'),
    owner: storeAddress('migrationDatabaseUrl'),
    authSettings: () => current,
    signerFor: signatures.signerFor,
    wrappingKeys: () => current.secretsKeys,
    readWrappingKeysAgain() {
      const read = readSettings();
      if (!read.ok || areEqualRings(current.secretsKeys, read.value.secretsKeys)) return false;
      readAgain();
      return true;
    },
    readAgain,
  };
}

/** The names of those that have changed. */
function changedSecrets(before: Settings, after: Settings): string[] {
  const keys = ({ apiKeys }: Settings) =>
    apiKeys.map(({ name, role, namespace, sha256 }) => [name, role, sha256, namespace].join(':')).join();
  const changed: string[] = [];
  if (keys(before) !== keys(after)) changed.push('API_KEYS');
  if (!areEqual([before.jwtSecret], [after.jwtSecret])) changed.push('JWT_SECRET');
  if (before.oidcClientSecret !== after.oidcClientSecret) changed.push('OIDC_CLIENT_SECRET');
  if (!areEqual(before.signingSecrets, after.signingSecrets)) changed.push('SIGNING_SECRETS');
  if (!areEqualRings(before.secretsKeys, after.secretsKeys)) changed.push('SECRETS_KEYS');
  return changed;
}

function areEqualRings(before: KeyRing, after: KeyRing): boolean {
  return before.map(({ id }) => id).join() === after.map(({ id }) => id).join();
}

function areEqual(before: readonly (KeyObject | null)[], after: readonly (KeyObject | null)[]): boolean {
  return (
    before.length === after.length &&
    before.every((key, place) => {
      const other = after[place];
      return key === null || other == null ? key === other : key.equals(other);
    })
  );
}
