/** The keys of secrets of one replica: those of the settings, else the one in the folder of the embedded store. */

import type { KeyRing, WrappingKey } from '../domain/secrets/key-ring.ts';
import { makeKeyFile, readKeyFile } from '../store/embedded/key-file.ts';
import type { SecretKeys } from '../usecases/secrets/secret-keys.ts';

export type SecretKeysOptions = {
  /** The keys of the settings as they are now; empty where there are none. */
  configured: () => KeyRing;
  /** The folder of the embedded store; null with a Postgres server. */
  folder: string | null;
  random: (bytes: Uint8Array) => void;
};

const whatToSet =
  'secrets are switched off: set SECRETS_KEYS, or SECRETS_KEYS_FILE, to the same keys on every replica; ' +
  '`openssl rand -base64 32` makes one';

export function createSecretKeys({ configured, folder, random }: SecretKeysOptions): SecretKeys {
  /** Null until it was looked for. A failure is tried again with the next request. */
  let fromFolder: Promise<WrappingKey | null> | null = null;

  function keyIn(path: string, make: boolean): Promise<WrappingKey | null> {
    const found = (fromFolder ?? Promise.resolve(null)).then(
      (known) => known ?? readKeyFile(path).then((read) => read ?? (make ? makeKeyFile(path, random) : null)),
    );
    fromFolder = found.catch(() => null);
    return found;
  }

  return {
    off: () => (folder === null && configured().length === 0 ? whatToSet : null),
    async ring() {
      const keys = configured();
      if (folder === null) return keys;
      try {
        // What was encrypted before there were keys in the settings opens on.
        const own = await keyIn(folder, keys.length === 0);
        return own === null ? keys : [...keys, own];
      } catch (error) {
        return `the key of secrets cannot be had: ${(error as Error).message}`;
      }
    },
  };
}
