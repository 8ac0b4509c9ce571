/** Seals short texts with a key that only the replicas of one database have: nobody else reads or makes them. */

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

export type Seal = {
  /** The text, encrypted and authenticated, in base64url. */
  seal(text: string): string;
  /** The text that was sealed; null where this was not sealed with the same secret for the same purpose. */
  open(sealed: string): string | null;
};

const algorithm = 'aes-256-gcm';
const ivBytes = 12;
const tagBytes = 16;

/** `purpose` separates the keys that are made of one secret. `random` fills a buffer with random bytes. */
export function createSeal(secret: string, purpose: string, random: (bytes: Uint8Array) => void): Seal {
  const key = Buffer.from(hkdfSync('sha256', secret, '', `punctual ${purpose}`, 32));
  return {
    seal(text) {
      const iv = Buffer.alloc(ivBytes);
      random(iv);
      const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes });
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url');
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < ivBytes + tagBytes) return null;
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes });
      decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8');
      } catch {
        return null;
      }
    },
  };
}
