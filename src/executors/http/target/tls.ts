/** TLS options of one target: the certificates to trust, and the caller's own. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { pointerPart, type Refuse } from '../../../domain/input/field.ts';

/** PEM text. `cert` and `key` come together, and `insecure` without `ca`. */
export type TargetTls = {
  /** Certificates to trust instead of those that come with Node. */
  ca?: string;
  /** The client's certificate, with those that vouch for it after it. */
  cert?: string;
  key?: string;
  /** Accept any certificate of the target. */
  insecure?: true;
};

/** In characters: some forty certificates. */
export const longestPem = 64 * 1024;

/** The canonical form of a client's input; undefined where there is none, or a fault in it. */
export function readTls(input: unknown, refuse: Refuse): TargetTls | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input !== 'object' || Array.isArray(input)) return refuse('/tls', 'must be an object');
  const { ca, cert, key, insecure, ...others } = input as Record<string, unknown>;
  for (const name of Object.keys(others)) refuse(`/tls/${pointerPart(name)}`, 'is not a known field');
  const trusted = readCertificates(ca, 'ca', refuse);
  const own = readCertificates(cert, 'cert', refuse);
  if (key != null) checkKey(key, own?.[0] ?? null, refuse);
  if (cert != null && key == null) refuse('/tls/key', 'must be given with cert');
  if (key != null && cert == null) refuse('/tls/cert', 'must be given with key');
  if (insecure != null && typeof insecure !== 'boolean') refuse('/tls/insecure', 'must be a boolean');
  if (insecure === true && trusted !== null)
    refuse('/tls/insecure', 'must not be given with ca: either ca vouches for the target, or nobody does');
  const tls: TargetTls = {
    ...(trusted === null ? {} : { ca: String(ca) }),
    ...(own === null ? {} : { cert: String(cert) }),
    ...(key == null ? {} : { key: String(key) }),
    ...(insecure === true ? { insecure } : {}),
  };
  return Object.keys(tls).length === 0 ? undefined : tls;
}

/** The certificates of a PEM text; null where there are none. */
function readCertificates(pem: unknown, name: 'ca' | 'cert', refuse: Refuse): X509Certificate[] | null {
  if (pem === undefined || pem === null) return null;
  const blocks = typeof pem === 'string' && pem.length <= longestPem ? blocksOf(pem) : [];
  if (blocks.length === 0) {
    refuse(
      `/tls/${name}`,
      `must be certificates as PEM text ("-----BEGIN CERTIFICATE-----") of at most ${longestPem} characters`,
    );
    return [];
  }
  return blocks.flatMap((block, index) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      refuse(`/tls/${name}`, `cannot be read: certificate ${index + 1} is damaged`);
      return [];
    }
  });
}

/** The certificates in a PEM text; none where there is anything else than comments between them. */
function blocksOf(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  return blocks !== null && blocks.length === pem.split('-----BEGIN ').length - 1 ? blocks : [];
}

function checkKey(pem: unknown, certificate: X509Certificate | null, refuse: Refuse): void {
  const detail = faultInKey(pem, certificate);
  if (detail !== null) refuse('/tls/key', detail);
}

function faultInKey(pem: unknown, certificate: X509Certificate | null): string | null {
  const what = 'must be a private key as PEM text ("-----BEGIN PRIVATE KEY-----")';
  if (typeof pem !== 'string' || pem.length > longestPem || !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem))
    return what;
  if (/-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(pem))
    return 'must not be encrypted: there is nobody to ask for its passphrase';
  try {
    const key = createPrivateKey(pem);
    return certificate === null || certificate.checkPrivateKey(key)
      ? null
      : 'does not fit the first certificate of cert';
  } catch {
    return what;
  }
}
