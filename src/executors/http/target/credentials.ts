/** Credentials in HTTP calls: which values they are, hidden behind a mask, and put back where the mask comes back. */

import { isObject } from '../../../domain/input/merge-patch.ts';
import { mask, restoreMember, standsForNothing } from '../../../domain/task/credentials.ts';
import type { RefuseBelow } from '../../../domain/task/target.ts';

const credentialNames =
  /authorization|authentication|cookie|token|key|secret|passw(or)?d|passphrase|signature|credential|^proxy-|(^|[-_])(auth|bearer|jwt|pass|pwd|sig|hmac|session)([-_]|$)/;
/** A value that is a secret by its form, under any name. */
const credentialValues = /^(bearer|basic|digest|negotiate|apikey|token)\s+\S|^whsec_|^eyJ[\w-]+\./i;

/** Whether the value of a header (its name in lower case) is a credential. */
export function isCredential(name: string, value: string): boolean {
  return credentialNames.test(name) || credentialValues.test(value);
}

/**
 * The form that targets, fallbacks and hooks have in common. `tls.key` is a private key in PEM, `proxy` a URL with or
 * without a password.
 */
export type Call = {
  headers: Record<string, string>;
  tls?: { key?: string | null } | null;
  proxy?: string;
  template?: true;
};

/** Whether a template fills in a secret. */
const namesSecret = /\{\{-?\s*secrets\./;

/** The same call without its credentials; the call itself where it has none. */
export function redactCall<T extends Call>(call: T): T {
  const { headers, tls, proxy, template } = call;
  const shownProxy = proxy && maskUrl(proxy);
  const hidden = Object.entries(headers).filter(
    ([name, value]) => isCredential(name, value) || (template === true && namesSecret.test(value)),
  );
  if (hidden.length === 0 && tls?.key == null && shownProxy === proxy) return call;
  return {
    ...call,
    headers: { ...headers, ...Object.fromEntries(hidden.map(([name]) => [name, mask])) },
    ...(tls?.key == null ? {} : { tls: { ...tls, key: mask } }),
    ...(shownProxy === undefined ? {} : { proxy: shownProxy }),
  };
}

/** A URL with the mask for its password; for its user name where that stands alone, because then it is a token. */
function maskUrl(url: string): string {
  return url.replace(/^(\w+:\/+)(?:([^/@]*?:)[^/]*|[^/]+)@/, `$1$2${mask}@`);
}

/**
 * The call that a client sent, with the stored value in place of each mask. `refuse` is called for each mask without a
 * stored value.
 */
export function restoreCall(given: unknown, kept: Call | null, refuse: RefuseBelow): unknown {
  if (!isObject(given)) return given;
  let { headers, proxy } = given;
  if (isObject(headers))
    for (const name of Object.keys(headers))
      headers = restoreMember(headers, name, kept?.headers[name.toLowerCase()], (path, detail) =>
        refuse(`/headers${path}`, detail),
      );
  const tls = restoreMember(given.tls, 'key', kept?.tls?.key, (path, detail) => refuse(`/tls${path}`, detail));
  if (typeof proxy === 'string' && proxy.includes(mask)) {
    // With another host, the stored password would be sent to that host.
    if (kept?.proxy !== undefined && proxy === maskUrl(kept.proxy)) proxy = kept.proxy;
    else refuse('/proxy', standsForNothing);
  }
  return {
    ...given,
    ...('headers' in given ? { headers } : {}),
    ...('tls' in given ? { tls } : {}),
    ...('proxy' in given ? { proxy } : {}),
  };
}

/**
 * A merge patch with the names of headers as they are stored, in lower case: `Authorization` means the stored
 * `authorization`. Where both are given they stay, and are refused later.
 */
export function matchHeaderNames(patch: unknown, kept: Call): unknown {
  if (!isObject(patch) || !isObject(patch.headers)) return patch;
  const names = Object.keys(patch.headers);
  const nameOf = (name: string) => {
    const lower = name.toLowerCase();
    return Object.hasOwn(kept.headers, lower) && !names.includes(lower) ? lower : name;
  };
  return {
    ...patch,
    headers: Object.fromEntries(Object.entries(patch.headers).map(([name, value]) => [nameOf(name), value])),
  };
}
