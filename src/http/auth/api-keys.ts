/** Finds the actor that an API key stands for. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../../settings/values.ts';
import { type Actor, grantOf } from './actor.ts';

/**
 * Looks up keys by their SHA-256. Every entry is compared in constant time whether one before it matched or not, so
 * that the time taken tells nothing about the keys. Gives null for an unknown key.
 */
export function createKeyLookup(apiKeys: readonly ApiKey[]): (key: string) => Actor | null {
  const entries = apiKeys.map(({ name, role, namespace, sha256 }) => ({
    actor: { name: `key:${name}`, via: 'key' as const, grants: [grantOf(role, namespace)] },
    hash: Buffer.from(sha256, 'hex'),
  }));
  return (key) => {
    const presented = createHash('sha256').update(key).digest();
    let found: Actor | null = null;
    for (const { actor, hash } of entries) if (timingSafeEqual(hash, presented)) found = actor;
    return found;
  };
}
