/** The keys that wrap the data keys of secrets. */

import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { ok, type Result } from '../../errors.ts';

/** One key, and the name that what it wrapped is stored with: the first 16 hex digits of the key's SHA-256. */
export type WrappingKey = { readonly id: string; readonly key: KeyObject };

/** Newest first: the first wraps, all of them open. Empty where secrets are switched off. */
export type KeyRing = readonly WrappingKey[];

const keyBytes = 32;

/** A key of 32 bytes. */
export function wrappingKeyOf(bytes: Buffer): WrappingKey {
  return Object.freeze({
    id: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
    key: createSecretKey(bytes),
  });
}

/**
 * Reads keys of 32 bytes in base64, newest first, separated by commas or blanks. A fault names a key by its place and
 * repeats nothing of it.
 */
export function parseKeyRing(text: string): Result<KeyRing, string[]> {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const keys: WrappingKey[] = [];
  const errors: string[] = [];
  for (const [index, word] of words.entries()) {
    const bytes = Buffer.from(word, 'base64');
    const place = `key ${index + 1}`;
    if (bytes.length !== keyBytes || bytes.toString('base64') !== word)
      errors.push(`${place} must be ${keyBytes} bytes in base64; \`openssl rand -base64 ${keyBytes}\` makes one`);
    else if (keys.some(({ id }) => id === wrappingKeyOf(bytes).id)) errors.push(`${place} is given twice`);
    else keys.push(wrappingKeyOf(bytes));
  }
  if (words.length === 0) errors.push(`must hold at least one key; \`openssl rand -base64 ${keyBytes}\` makes one`);
  return errors.length > 0 ? { ok: false, errors } : ok(Object.freeze(keys));
}
