/** Which addresses and hosts targets may reach: TARGET_DENY first, then TARGET_ALLOW. */

import { isIP } from 'node:net';
import { compileAddressRules } from './address-rules.ts';
import { reachedBy } from './embedded-addresses.ts';

/** Every answer is null for "allowed", or a phrase that names the refused address and the list that refuses it. */
export type TargetFilter = {
  /** Checks a URL without resolving its host: literal addresses in any notation, and host names. */
  refusesUrl(url: string): string | null;
  /** Checks a host name before it is resolved. */
  refusesHost(host: string): string | null;
  /** Checks an address before connecting to it; `host` is the name it was resolved from, or the address itself. */
  refusesAddress(host: string, address: string): string | null;
  /** Checks a host name that only the proxy can resolve. */
  refusesUnresolved(host: string): string | null;
};

/** The names of the two lists, for the phrases of refusals. */
type RuleNames = { deny: string; allow: string };

const ofSettings: RuleNames = { deny: 'the setting TARGET_DENY', allow: 'the setting TARGET_ALLOW' };

/**
 * Makes the filter. A rule is a network, an address, a host name, or `.suffix` (see `parseAddressRules`).
 * Deny wins over allow; a non-empty `allow` leaves only the addresses and names that it matches.
 */
export function createTargetFilter(
  rules: { deny: readonly string[]; allow: readonly string[] },
  named: RuleNames = ofSettings,
): TargetFilter {
  const deny = compileAddressRules(rules.deny);
  const allow = compileAddressRules(rules.allow);
  const outside = (what: string) => `the ${what} is not among those that ${named.allow} permits`;

  function refusesHost(host: string): string | null {
    const name = canonicalName(host);
    if (deny.matchesHost(name)) return `the host ${name} is refused by ${named.deny}`;
    // With networks to match, only the resolved address can tell.
    if (!allow.isEmpty && !allow.hasNetworks && !allow.matchesHost(name)) return outside(`host ${name}`);
    return null;
  }

  function refusesAddress(host: string, address: string): string | null {
    const plain = address.replace(/%.*$/, '');
    if (isIP(plain) === 0) return `"${address}" is not an address`;
    if (reachedBy(plain).some(deny.matchesAddress)) return `the address ${plain} is refused by ${named.deny}`;
    if (allow.isEmpty || allow.matchesAddress(plain)) return null;
    return isIP(host) === 0 && allow.matchesHost(canonicalName(host)) ? null : outside(`address ${plain}`);
  }

  return {
    refusesHost,
    refusesAddress,
    refusesUnresolved(host) {
      const name = canonicalName(host);
      return allow.isEmpty || allow.matchesHost(name) ? null : outside(`host ${name}`);
    },
    refusesUrl(url) {
      if (!URL.canParse(url)) return null;
      const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
      return isIP(host) === 0 ? refusesHost(host) : refusesAddress(host, host);
    },
  };
}

function canonicalName(host: string): string {
  return host.toLowerCase().replace(/\.+$/, '');
}
