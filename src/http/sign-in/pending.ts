/** A sign-in under way: the browser keeps it, sealed, so that it may end on another replica than it began on. */

import type { Seal } from '../../domain/access/seal.ts';
import type { IssuerSecrets } from './issuer.ts';

/** `endsAt` is in epoch milliseconds. */
export type PendingSignIn = { secrets: IssuerSecrets; returnTo: string; endsAt: number };

export function sealPending(seal: Seal, { secrets, returnTo, endsAt }: PendingSignIn): string {
  const { state, nonce, verifier } = secrets;
  return seal.seal(JSON.stringify([state, nonce, verifier, returnTo, endsAt]));
}

/** The sign-in that began in this browser with `state`; null where there is none, or it is too old. */
export function openPending(seal: Seal, sealed: string | null, state: string, now: number): PendingSignIn | null {
  const text = sealed === null ? null : seal.open(sealed);
  if (text === null) return null;
  const [own, nonce, verifier, returnTo, endsAt] = JSON.parse(text) as [string, string, string, string, number];
  if (own !== state || now >= endsAt) return null;
  return { secrets: { state, nonce, verifier }, returnTo, endsAt };
}
