/** The keys of secrets as use cases ask for them. */

import type { KeyRing, WrappingKey } from '../../domain/secrets/key-ring.ts';
import { ok } from '../../errors.ts';
import { type Outcome, refuse } from '../refusal.ts';

export type SecretKeys = {
  /** Why there are none, as a sentence that says what to set; null where there are, or can be made. */
  off(): string | null;
  /** The keys, or why they cannot be had, as a sentence. The embedded store makes one where there is none. */
  ring(): Promise<KeyRing | string>;
};

/** The refusal where secrets are switched off; null where they are on. */
export function secretsOff({ secretKeys }: { secretKeys: SecretKeys }) {
  const off = secretKeys.off();
  return off === null ? null : refuse('secrets_off', off);
}

/** The keys, of which there is one at least. */
export async function ringOf({
  secretKeys,
}: {
  secretKeys: SecretKeys;
}): Promise<Outcome<{ ring: KeyRing; newest: WrappingKey }>> {
  const ring = secretKeys.off() ?? (await secretKeys.ring());
  if (typeof ring === 'string') return refuse('secrets_off', ring);
  const [newest] = ring;
  return newest === undefined ? refuse('secrets_off', 'there is no key for secrets') : ok({ ring, newest });
}
