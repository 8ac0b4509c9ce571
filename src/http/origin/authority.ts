/** Reads `name:port` texts: the `Host` header, the authority of a request target, an `Origin`. */

import { isIP } from 'node:net';

/**
 * `name` in one spelling: lower case, no dot at the end, IPv6 without brackets and in its shortest form. `port` null =
 * none given.
 */
export type Authority = { readonly name: string; readonly port: number | null };

/** The authority in a text, or null where it is none. A text with a user name is none. */
export function readAuthority(text: string): Authority | null {
  const [, literal, bare, digits] = /^(?:\[([\da-f:.]{2,45})\]|([a-z\d_.-]{1,254}))(?::(\d{0,5}))?$/i.exec(text) ?? [];
  const port = digits === undefined || digits === '' ? null : Number(digits);
  if (port !== null && port > 65_535) return null;
  if (literal !== undefined) return isIP(literal) === 6 ? { name: plainAddress(literal), port } : null;
  const name = bare?.toLowerCase().replace(/\.$/, '') ?? '';
  return name === '' || name.split('.').includes('') ? null : { name, port };
}

/** An IP address in its usual spelling; IPv4 that was mapped into IPv6 as IPv4. */
export function plainAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const [withoutZone = ''] = address.split('%');
  // URL knows the shortest form; an address that is one always makes a URL.
  const short = new URL(`http://[${withoutZone}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}

/** Whether two authorities are the same place for a page of `scheme`: no port is that of the scheme. */
export function isSamePlace(origin: Authority, scheme: 'http' | 'https', host: Authority): boolean {
  const usual = scheme === 'http' ? 80 : 443;
  // Behind a proxy that ends TLS the scheme is not known: a Host without a port goes with either.
  return origin.name === host.name && (origin.port ?? usual) === (host.port ?? usual);
}
