/** Encrypts values of secrets: each with a data key of its own, which is wrapped by a key of the settings. */

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { ok, type Result } from '../../errors.ts';
import type { KeyRing } from './key-ring.ts';

/** The one place where a value is valid: moved to any other, it does not open. */
export type SecretPlace = { namespace: string; name: string; version: number };

/** A value as it is stored. Nonce, ciphertext and tag stand one after the other in `value` and `dataKey`. */
export type SealedValue = { value: Buffer; dataKey: Buffer; wrappedBy: string };

/** Fills a buffer with random bytes of cryptographic quality. */
type Random = (bytes: Uint8Array) => void;

const cipher = 'aes-256-gcm';
const keyBytes = 32;
/** The size that GCM is made for, and its longest tag (NIST SP 800-38D), in bytes. */
const nonceBytes = 12;
const tagBytes = 16;

/** Encrypts a value with a fresh data key, wrapped by the newest key. Null where the ring is empty. */
export function sealValue(ring: KeyRing, place: SecretPlace, value: string, random: Random): SealedValue | null {
  const [newest] = ring;
  if (newest === undefined) return null;
  const bytes = Buffer.alloc(keyBytes);
  random(bytes);
  const sealed = {
    value: encrypt(createSecretKey(bytes), place, Buffer.from(value), random),
    dataKey: encrypt(newest.key, place, bytes, random),
    wrappedBy: newest.id,
  };
  bytes.fill(0);
  return sealed;
}

/** The value, or why it cannot be read, as a phrase that follows the secret's name. */
export function openValue(ring: KeyRing, place: SecretPlace, sealed: SealedValue): Result<string, string> {
  const bytes = unwrap(ring, place, sealed);
  if (!bytes.ok) return bytes;
  const value = decrypt(createSecretKey(bytes.value), place, sealed.value);
  bytes.value.fill(0);
  return value === null ? damaged : ok(value.toString());
}

/**
 * The same value with its data key wrapped by the newest key. The value itself is not touched. Errors as `openValue`.
 */
export function rewrap(
  ring: KeyRing,
  place: SecretPlace,
  sealed: SealedValue,
  random: Random,
): Result<SealedValue, string> {
  const bytes = unwrap(ring, place, sealed);
  if (!bytes.ok) return bytes;
  const [newest] = ring;
  if (newest === undefined) return damaged;
  const dataKey = encrypt(newest.key, place, bytes.value, random);
  bytes.value.fill(0);
  return ok({ value: sealed.value, dataKey, wrappedBy: newest.id });
}

const damaged = {
  ok: false,
  errors: 'cannot be decrypted: its ciphertext was changed, or belongs to another secret or version; set it again',
} as const;

/** The data key. */
function unwrap(ring: KeyRing, place: SecretPlace, { dataKey, wrappedBy }: SealedValue): Result<Buffer, string> {
  const wrapping = ring.find(({ id }) => id === wrappedBy);
  if (wrapping === undefined)
    return { ok: false, errors: `was encrypted with the key ${wrappedBy}, which is not among SECRETS_KEYS here` };
  const bytes = decrypt(wrapping.key, place, dataKey);
  return bytes?.length === keyBytes ? ok(bytes) : damaged;
}

function encrypt(key: KeyObject, place: SecretPlace, plain: Buffer, random: Random): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  random(nonce);
  const encryption = createCipheriv(cipher, key, nonce).setAAD(placeBytes(place));
  return Buffer.concat([nonce, encryption.update(plain), encryption.final(), encryption.getAuthTag()]);
}

/** Null where the bytes are not what was encrypted with this key for this place. */
function decrypt(key: KeyObject, place: SecretPlace, sealed: Buffer): Buffer | null {
  if (sealed.length < nonceBytes + tagBytes) return null;
  const end = sealed.length - tagBytes;
  try {
    const decryption = createDecipheriv(cipher, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
      .setAAD(placeBytes(place))
      .setAuthTag(sealed.subarray(end));
    return Buffer.concat([decryption.update(sealed.subarray(nonceBytes, end)), decryption.final()]);
  } catch {
    return null;
  }
}

/** No part can hold the sign between them. */
function placeBytes({ namespace, name, version }: SecretPlace): Buffer {
  return Buffer.from(`${namespace}/${name}/${version}`);
}
