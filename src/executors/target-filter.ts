/** Which addresses and hosts targets may reach: TARGET_DENY first, then TARGET_ALLOW. */

import { isIP } from 'node:net';
import { compileAddressRules } from './address-rules.ts';

/** Every answer is null for "allowed", or a phrase that names what is refused and the setting that refuses it. */
export type TargetFilter = {
  /** Looks at a URL without resolving its host: literal addresses in any notation, and host names. */
  refusesUrl(url: string): string | null;
  /** Looks at a host name before it is resolved. */
  refusesHost(host: string): string | null;
  /** Looks at an address about to be connected to; `host` is the name it was resolved from, or the address itself. */
  refusesAddress(host: string, address: string): string | null;
};

/**
 * Makes the filter. A rule is a network, an address, a host name, or `.suffix` (see `parseAddressRules`).
 * Deny wins over allow; a non-empty `allow` leaves only what it matches by name or by address.
 */
export function createTargetFilter(rules: { deny: readonly string[]; allow: readonly string[] }): TargetFilter {
  const deny = compileAddressRules(rules.deny);
  const allow = compileAddressRules(rules.allow);

  function refusesHost(host: string): string | null {
    const name = canonicalName(host);
    if (deny.matchesHost(name)) return `the host ${name} is refused by the setting TARGET_DENY`;
    // With networks to match, only the resolved address can tell.
    if (!allow.isEmpty && !allow.hasNetworks && !allow.matchesHost(name)) return outside(`host ${name}`);
    return null;
  }

  function refusesAddress(host: string, address: string): string | null {
    const plain = address.replace(/%.*$/, '');
    if (isIP(plain) === 0) return `"${address}" is not an address`;
    if (reachedBy(plain).some(deny.matchesAddress)) return `the address ${plain} is refused by the setting TARGET_DENY`;
    if (allow.isEmpty || allow.matchesAddress(plain)) return null;
    return isIP(host) === 0 && allow.matchesHost(canonicalName(host)) ? null : outside(`address ${plain}`);
  }

  return {
    refusesHost,
    refusesAddress,
    refusesUrl(url) {
      if (!URL.canParse(url)) return null;
      const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
      return isIP(host) === 0 ? refusesHost(host) : refusesAddress(host, host);
    },
  };
}

function outside(what: string): string {
  return `the ${what} is not among those that the setting TARGET_ALLOW permits`;
}

function canonicalName(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}

/**
 * The address and every other address that a connection to it may end at: IPv4 inside IPv6 as mapped (RFC 4291 §2.5.5),
 * NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056), and the loopback that the unspecified address stands for.
 */
function reachedBy(address: string): string[] {
  if (isIP(address) === 4) return address === '0.0.0.0' ? [address, '127.0.0.1'] : [address];
  const groups = groupsOf(address);
  const [a = 0, b = 0, c = 0] = groups;
  const last = dotted(groups[6], groups[7]);
  if (a === 0x2002) return [address, dotted(b, c)];
  if (a === 0x64 && b === 0xff9b) return [address, last];
  const leading = groups.slice(0, 5).every((group) => group === 0);
  if (!leading || (groups[5] !== 0 && groups[5] !== 0xffff)) return [address];
  const loopback = last === '0.0.0.0' ? ['127.0.0.1', '::1'] : [];
  return [address, last, ...loopback];
}

function dotted(high = 0, low = 0): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight groups of an IPv6 address; URL brings every notation into the one hexadecimal form first. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [read(head), read(tail ?? '')];
  return [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
}
