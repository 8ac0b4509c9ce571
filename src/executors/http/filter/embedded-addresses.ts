/** Where a connection to an address may really end: IPv6 addresses that carry an IPv4 address in them. */

import { isIP } from 'node:net';

/**
 * The address (without a zone) and every other that a connection to it may end at. Besides IPv4-mapped and -compatible
 * addresses (RFC 4291 §2.5.5) these are the forms that translators and tunnels take apart: IPv4-translated (SIIT, RFC
 * 2765), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380) and ISATAP (RFC 5214). "This network"
 * (0.0.0.0/8, `::`) stands for the loopback. A NAT64 prefix that a network chose for itself cannot be told from others.
 */
export function reachedBy(address: string): string[] {
  const embedded = isIP(address) === 4 ? [address] : embeddedIn(bytesOf(address));
  const loopback = embedded.some((each) => each.startsWith('0.')) ? ['127.0.0.1', '::1'] : [];
  return [...new Set([address, ...embedded, ...loopback])];
}

function embeddedIn(bytes: readonly number[]): string[] {
  const at = (...places: number[]) => places.map((place) => bytes[place] ?? 0).join('.');
  const startsWith = (...prefix: number[]) => prefix.every((byte, place) => bytes[place] === byte);
  const last = at(12, 13, 14, 15);
  const found: string[] = [];

  const zeros = bytes.findIndex((byte) => byte !== 0);
  // ::a.b.c.d, ::ffff:a.b.c.d and ::ffff:0:a.b.c.d, and :: and ::1 with them.
  if (zeros === -1 || zeros >= 12 || (zeros === 10 && bytes[11] === 0xff)) found.push(last);
  if (zeros === 8 && bytes[9] === 0xff && bytes[10] === 0 && bytes[11] === 0) found.push(last);
  if (startsWith(0x20, 0x02)) found.push(at(2, 3, 4, 5));
  if (startsWith(0x20, 0x01, 0, 0)) {
    const client = bytes.slice(12).map((byte) => byte ^ 0xff);
    found.push(at(4, 5, 6, 7), client.join('.'));
  }
  // Its prefix may be any that RFC 6052 knows; byte 8 is left out.
  if (startsWith(0, 0x64, 0xff, 0x9b, 0, 1)) found.push(at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12), last);
  else if (startsWith(0, 0x64, 0xff, 0x9b)) found.push(last);
  if ((bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe)
    found.push(last);
  return found;
}

/** The sixteen bytes of an IPv6 address; URL brings every notation into the one hexadecimal form first. */
function bytesOf(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [left, right] = [read(head), read(tail ?? '')];
  const groups = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return groups.flatMap((group) => [group >> 8, group & 255]);
}
