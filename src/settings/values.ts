/** Reads the text of one setting: each function answers with a value or with the faults, and never repeats the text. */

import { createSecretKey, type KeyObject } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { everyNamespace, isNamespaceId } from '../domain/access/namespace.ts';
import { type Role, roles } from '../domain/access/role.ts';
import { parseDuration } from '../domain/input/duration.ts';
import { readPostgresUrl } from '../domain/input/postgres-url.ts';
import { ok, type Result } from '../errors.ts';

/** Makes a value of a setting's text, or phrases that follow the setting's name: `must be …`. */
export type Parse<T> = (text: string) => Result<T, string[]>;

const refuse = (...errors: string[]): { ok: false; errors: string[] } => ({ ok: false, errors });

/**
 * One API key: only the SHA-256 of the key is known, in lower-case hex. Without a namespace it holds in all of them,
 * and the role `admin` then means `owner`.
 */
export type ApiKey = {
  readonly name: string;
  readonly role: Role;
  readonly sha256: string;
  readonly namespace: string | null;
};

/** Any text. */
export const text: Parse<string> = (input) => ok(input);

/** A share between 0 and 1, both excluded, or `off`, which is null. */
export const ratioOrOff: Parse<number | null> = (input) => {
  if (input === 'off') return ok(null);
  const value = /^0?\.\d{1,6}$/.test(input) ? Number(input) : Number.NaN;
  return value > 0 ? ok(value) : refuse('must be "off" or a share between 0 and 1, such as 0.8');
};

/** A duration in milliseconds; the bounds are given as text, as people write them. */
export function duration(least: string, most: string): Parse<number> {
  return (input) => {
    const ms = parseDuration(input);
    const inBounds =
      ms !== null && ms >= (parseDuration(least) ?? 0) && ms <= (parseDuration(most) ?? Number.POSITIVE_INFINITY);
    return inBounds ? ok(ms) : refuse(`must be a duration from ${least} to ${most}, written like "30s" or "1h30m"`);
  };
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A size in bytes, written as a number of them or with a unit; both bounds in bytes. */
export function size(least: number, most: number): Parse<number> {
  return (input) => {
    const [, digits = '', unit = ''] = /^(\d{1,12})(KiB|MiB|GiB)?$/.exec(input.trim()) ?? [];
    const bytes = digits === '' ? Number.NaN : Number(digits) * (sizeUnits[unit] ?? Number.NaN);
    return bytes >= least && bytes <= most
      ? ok(bytes)
      : refuse(`must be a size from ${least} to ${most} bytes, written like "65536", "64KiB" or "1MiB"`);
  };
}

/** An address to listen on: an IP address (IPv6 with or without brackets) or a host name. */
export const host: Parse<string> = (input) => {
  const bare = /^\[(.*)\]$/.exec(input)?.[1] ?? input;
  if (isIP(bare) !== 0 || /^(?!\d+(\.\d+)*$)[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(bare)) return ok(bare);
  return refuse('must be an IP address or a host name');
};

/** One to `most` IP addresses with or without a port, separated by commas: IPv6 with a port stands in brackets. */
export function addresses(most: number): Parse<string[]> {
  return (input) => {
    const list = input.split(',').map((each) => each.trim());
    return list.length <= most && list.every(isAddress)
      ? ok(list)
      : refuse(
          `must be 1 to ${most} IP addresses such as 10.0.0.2, 10.0.0.3:5353 or [fd00::2]:53, separated by commas`,
        );
  };
}

function isAddress(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, bare = '', port = '53'] = /^(\d[\d.]*|\[[^\]]*\])(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isOfFamily = bare.startsWith('[') ? isIP(bare.slice(1, -1)) === 6 : isIP(bare) === 4;
  return isOfFamily && Number(port) > 0 && Number(port) < 65_536;
}

/** Whether only this machine can reach a server that listens on this host. */
export function isLoopback(address: string): boolean {
  if (/^localhost\.?$/i.test(address)) return true;
  const family = isIP(address);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Where a Postgres is, as text; `readPostgresUrl` takes it apart. */
export const postgresUrl: Parse<string> = (input) => {
  const read = readPostgresUrl(input);
  return read.ok ? ok(input) : read;
};

/** A web address, as text. */
const webUrl: Parse<string> = (input) =>
  /^https?:\/\/\S+$/i.test(input) && URL.canParse(input)
    ? ok(input)
    : refuse('must be a URL such as https://issuer.example/.well-known/jwks.json');

/** Where a key set is fetched: http or https, without credentials, which `fetch` refuses. */
export const keySetUrl: Parse<string> = (input) => {
  const read = webUrl(input);
  const { username, password } = read.ok ? new URL(input) : { username: '', password: '' };
  return username === '' && password === '' ? read : refuse('holds credentials, which must not be part of it');
};

/** A key for HMAC-SHA-256: at least as long as the hash (RFC 7518 §3.2). An object that prints nothing of it. */
export const hmacSecret: Parse<KeyObject> = (input) =>
  Buffer.byteLength(input) >= 32
    ? ok(createSecretKey(input, 'utf8'))
    : refuse('must be at least 32 bytes long; `openssl rand -base64 48` makes one');

/** A list of `name:role:sha256-hex` or `name:role:sha256-hex:namespace`, separated by commas or white space. Faults name an entry by its place only. */
export const apiKeys: Parse<readonly ApiKey[]> = (input) => {
  const entries = input.split(/[\s,]+/).filter((entry) => entry !== '');
  const keys: ApiKey[] = [];
  const errors: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const place = `entry ${index + 1}`;
    const [name = '', role = '', sha256 = '', namespace = null, ...rest] = entry.split(':');
    const known = roles.find((each) => each === role);
    if (sha256 === '' || rest.length > 0)
      errors.push(`${place} must be written name:role:sha256-hex or name:role:sha256-hex:namespace`);
    else if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name))
      errors.push(`${place} must have a name of 1 to 64 letters, digits and . _ @ -, the first a letter or digit`);
    else if (known === undefined) errors.push(`${place} must have the role ${alternatives(roles)}`);
    else if (!/^[0-9a-f]{64}$/i.test(sha256))
      errors.push(
        `${place} must end in the SHA-256 of the key as 64 hex digits; \`printf %s KEY | sha256sum\` gives it`,
      );
    else if (namespace !== null && namespace !== everyNamespace && !isNamespaceId(namespace))
      errors.push(`${place} must have a namespace of 1 to 63 lower-case letters, digits and -, the first no -, or *`);
    else if (known === 'owner' && namespace !== null && namespace !== everyNamespace)
      errors.push(`${place} must not have a namespace: the role owner holds for the whole cluster`);
    else if (
      keys.some((key) => key.name === name && (key.namespace ?? everyNamespace) === (namespace ?? everyNamespace))
    )
      errors.push(`${place} has a name that an earlier entry has`);
    else if (keys.some((key) => key.sha256 === sha256.toLowerCase()))
      errors.push(`${place} has a hash that an earlier entry has`);
    else keys.push(Object.freeze({ name, role: known, namespace, sha256: sha256.toLowerCase() }));
  }
  if (entries.length === 0) errors.push('must hold at least one name:role:sha256-hex');
  return errors.length > 0 ? refuse(...errors) : ok(Object.freeze(keys));
};

/** `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  return words.length === 1 ? `${words[0]}` : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
