/** The rules of TARGET_DENY and TARGET_ALLOW: reading them, and asking whether an address or a host name matches. */

import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { ok, type Result } from '../../../errors.ts';

/**
 * Targets may not reach these unless settings say otherwise: link-local addresses and the metadata services of clouds,
 * which hand credentials to every caller. 168.63.129.16 is Azure's, 100.100.100.200 Alibaba's, 192.0.0.192 Oracle's,
 * fd00:ec2::/32 Amazon's, fd20:ce::254 and the names Google's.
 */
export const defaultDeniedTargets: readonly string[] = [
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::/32',
  'fd20:ce::254',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'metadata.google.internal',
  'metadata.goog',
];

/**
 * The meaning of the word `private`: loopback, private, shared and link-local ranges, and the names of the loopback.
 */
const privateTargets: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/128',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'localhost',
  '.localhost',
];

/** Asks one list of rules. Names are compared without case and without a final dot. */
export type AddressRules = {
  isEmpty: boolean;
  hasNetworks: boolean;
  matchesAddress(address: string): boolean;
  matchesHost(name: string): boolean;
};

type Rule = { network: string; prefix: number; family: 'ipv4' | 'ipv6' } | { host: string };

/**
 * Reads a list separated by commas or blanks: networks (`10.0.0.0/8`, `fd00::/8`), single addresses, host names, and
 * `.example.com` or `*.example.com` for every name below; `private` stands for all loopback and private ranges. Gives
 * the rules in lower case, or a phrase per fault.
 */
export function parseAddressRules(text: string): Result<string[], string[]> {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const faults = words
    .map(readRule)
    .filter((rule) => typeof rule === 'string')
    .map(String);
  return faults.length > 0
    ? { ok: false, errors: faults }
    : ok(words.map((word) => word.toLowerCase()).flatMap((word) => (word === 'private' ? privateTargets : [word])));
}

/** The fault of a text that is to be one rule of such a list, as a phrase; null where it has none. */
export function faultInAddressRule(text: string): string | null {
  if (!/^[^\s,]+$/.test(text.trim())) return 'must be one address, network or host name';
  const read = parseAddressRules(text);
  return read.ok ? null : (read.errors[0] ?? null);
}

/** Makes rules ready to ask. Throws on a rule that `parseAddressRules` would refuse. */
export function compileAddressRules(rules: readonly string[]): AddressRules {
  const networks = new BlockList();
  const names = new Set<string>();
  const suffixes: string[] = [];
  let hasNetworks = false;
  for (const text of rules) {
    const rule = readRule(text);
    if (typeof rule === 'string') throw new TypeError(rule);
    if ('network' in rule) {
      networks.addSubnet(rule.network, rule.prefix, rule.family);
      hasNetworks = true;
    } else if (rule.host.startsWith('.')) suffixes.push(rule.host);
    else names.add(rule.host);
  }
  return {
    isEmpty: rules.length === 0,
    hasNetworks,
    matchesAddress: (address) => networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
    matchesHost: (name) => names.has(name) || suffixes.some((suffix) => name.endsWith(suffix)),
  };
}

/** One rule, or a phrase that names its fault. */
function readRule(text: string): Rule | string {
  const [address = '', prefix, ...more] = text.toLowerCase().split('/');
  const bare = address.replace(/^\[(.*)\]$/, '$1');
  const version = isIP(bare);
  if (version !== 0 && !bare.includes('%')) {
    const bits = version === 4 ? 32 : 128;
    if (prefix === undefined) return networkOf(bare, bits);
    if (more.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bits)
      return `"${text}" needs a prefix between 0 and ${bits}`;
    return networkOf(bare, Number(prefix));
  }
  const host = address.replace(/^\*\./, '.').replace(/\.$/, '');
  const name = domainToASCII(host.replace(/^\./, ''));
  const isName = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name) && !/(^|\.)\d+$/.test(name);
  if (prefix !== undefined || !isName)
    return `"${text}" is neither an address, a network such as 10.0.0.0/8, nor a host name`;
  return { host: host.startsWith('.') ? `.${name}` : name };
}

/** An IPv4-mapped network is one of IPv4: addresses of both forms have to match it. */
function networkOf(address: string, prefix: number): Rule {
  if (isIP(address) === 4) return { network: address, prefix, family: 'ipv4' };
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(new URL(`http://[${address}]/`).hostname) ?? [];
  if (high === undefined || low === undefined || prefix < 96) return { network: address, prefix, family: 'ipv6' };
  const number = Number.parseInt(high, 16) * 0x1_0000 + Number.parseInt(low, 16);
  const network = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
  return { network, prefix: prefix - 96, family: 'ipv4' };
}
