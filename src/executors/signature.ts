/** Signs calls as Standard Webhooks describes, so that a target can tell a real one from a forged one. */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { ok, type Result } from '../errors.ts';

/** Gives the value of `webhook-signature` for one message. */
export type Signer = (id: string, timestampSeconds: number, body: Buffer | string) => string;

/**
 * Reads `whsec_<base64>` secrets separated by commas or blanks, newest first. A fault names the secret by its place and
 * never repeats any of it. The length is that of the specification: 24 to 64 bytes.
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

function readSecret(text: string): KeyObject | string {
  if (!text.startsWith('whsec_')) return 'does not begin with "whsec_"';
  const encoded = text.slice('whsec_'.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || encoded.replace(/=+$/, '').length % 4 === 1)
    return 'is not base64 after "whsec_"';
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length < 24 || bytes.length > 64) return 'must hold 24 to 64 bytes';
  return createSecretKey(bytes);
}
