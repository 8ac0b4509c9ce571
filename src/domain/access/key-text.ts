/** The text of API keys that Punctual makes itself, and the hash under which every key is known. */

import { createHash } from 'node:crypto';

const randomBytes = 32;

/** A new key, with 256 bits of randomness: `pk_` and 43 characters. `random` fills a buffer with random bytes. */
export function makeKeyText(random: (bytes: Uint8Array) => void): string {
  const bytes = Buffer.alloc(randomBytes);
  random(bytes);
  return `pk_${bytes.toString('base64url')}`;
}

/** Whether a text has the form of those keys: any other text needs no look into the database. */
export function hasKeyForm(text: string): boolean {
  return /^pk_[A-Za-z0-9_-]{43}$/.test(text);
}

/** The SHA-256 of a key, in lower-case hex. */
export function hashOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
