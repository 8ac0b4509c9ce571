/** The form of a signing secret: `whsec_` and its bytes in base64 (Standard Webhooks). */

/** More secrets than a rotation needs would only make signatures long. */
const mostSecrets = 4;

/** The faults of one task's secrets, as phrases that repeat nothing of them. */
export function signingSecretFaults(secrets: readonly string[]): string[] {
  if (secrets.length === 0 || secrets.length > mostSecrets) return [`must be 1 to ${mostSecrets} signing secrets`];
  return secrets.flatMap((secret, index) => {
    const fault = signingSecretFault(secret);
    return fault === null ? [] : [secrets.length === 1 ? fault : `number ${index + 1} ${fault}`];
  });
}

/** The fault of one secret, or null. The specification asks for 24 to 64 bytes. */
export function signingSecretFault(text: string): string | null {
  if (!text.startsWith('whsec_')) return 'does not begin with "whsec_"';
  const encoded = text.slice('whsec_'.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || encoded.replace(/=+$/, '').length % 4 === 1)
    return 'is not base64 after "whsec_"';
  const bytes = signingSecretBytes(text).length;
  return bytes < 24 || bytes > 64 ? 'must hold 24 to 64 bytes' : null;
}

/** The bytes of a secret without fault. */
export function signingSecretBytes(text: string): Buffer {
  return Buffer.from(text.slice('whsec_'.length), 'base64');
}
