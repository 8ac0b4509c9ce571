/** Signs calls as Standard Webhooks describes, so that a target can tell a real one from a forged one. */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { signingSecretBytes, signingSecretFault } from '../../domain/task/signing-secret.ts';
import { ok, type Result } from '../../errors.ts';

/** Gives the value of `webhook-signature` for one message. */
export type Signer = (id: string, timestampSeconds: number, body: Buffer | string) => string;

/**
 * Reads `whsec_<base64>` secrets separated by commas or blanks, newest first. A fault names the secret by its place and
 * never repeats any of it.
 */
export function parseSigningSecrets(text: string): Result<KeyObject[], string[]> {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const secrets = words.map(readSecret);
  const faults = secrets.flatMap((secret, index) =>
    typeof secret === 'string' ? [`signing secret ${index + 1} ${secret}`] : [],
  );
  if (faults.length > 0) return { ok: false, errors: faults };
  return ok(secrets.filter((secret) => typeof secret !== 'string'));
}

/**
 * A signer with all secrets, newest first, so that targets can change over one by one; null when there is none.
 * The scheme is `v1`: HMAC-SHA256 over `id.timestamp.body`, by the specification at standardwebhooks.com.
 */
export function createSigner(secrets: readonly KeyObject[]): Signer | null {
  if (secrets.length === 0) return null;
  return (id, timestampSeconds, body) =>
    secrets
      .map((secret) => {
        const digest = createHmac('sha256', secret).update(`${id}.${timestampSeconds}.`).update(body).digest('base64');
        return `v1,${digest}`;
      })
      .join(' ');
}

/** The signers of calls; the secrets of the service can be replaced while calls are made. */
export type Signatures = {
  /** The signer of a task with these secrets of its own, which come first; null where its calls are not signed. */
  signerFor(ownSecrets: string | null): Signer | null;
  /** From now on these secrets of the service are used, newest first. */
  replace(secrets: readonly KeyObject[]): void;
};

/** Signers of so many tasks with secrets of their own are kept ready. */
const signersKept = 1_000;

export function createSignatures(secrets: readonly KeyObject[]): Signatures {
  let common = secrets;
  let commonSigner = createSigner(common);
  let own = new LRUCache<string, { signer: Signer | null }>({ max: signersKept });
  return {
    signerFor(ownSecrets) {
      if (ownSecrets === null) return commonSigner;
      const kept = own.get(ownSecrets);
      if (kept !== undefined) return kept.signer;
      // The secrets were checked when the task was written, perhaps by another version.
      const read = parseSigningSecrets(ownSecrets);
      const signer = createSigner([...(read.ok ? read.value : []), ...common]);
      own.set(ownSecrets, { signer });
      return signer;
    },
    replace(latest) {
      common = latest;
      commonSigner = createSigner(common);
      own = new LRUCache({ max: signersKept });
    },
  };
}

function readSecret(text: string): KeyObject | string {
  return signingSecretFault(text) ?? createSecretKey(signingSecretBytes(text));
}
