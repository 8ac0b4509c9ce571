/** Reads the settings that say where the API may be reached, and from which pages: host names, base path, origins. */

import { isIP } from 'node:net';
import { ok } from '../errors.ts';
import type { Parse } from './values.ts';

/** A host that requests may ask for: `*` is any, `*.example.com` every name below; a port null any port. */
export type HostName = { readonly name: string; readonly port: number | null };

/** A list of host names and addresses, `*.` before a name for all below it, with or without a port. */
export const hostNames: Parse<readonly HostName[]> = (input) => {
  const entries = listOf(input);
  const hosts = entries.map(hostName);
  const wrong = entries.filter((_, index) => hosts[index] === null);
  if (entries.length > 0 && wrong.length === 0) return ok(Object.freeze(hosts as HostName[]));
  return refuse(`must be a list of host names such as punctual.example, *.example or 10.0.0.5:8080`);
};

/** A path such as `/punctual`, without a slash at its end; '' for the root. */
export const basePath: Parse<string> = (input) => {
  const path = input.replace(/\/+$/, '');
  const segments = path.split('/').slice(1);
  const isPath = path === '' || (path.startsWith('/') && segments.every((each) => /^[A-Za-z0-9._~-]+$/.test(each)));
  if (isPath && !segments.some((each) => each === '.' || each === '..') && path.length <= 256) return ok(path);
  return refuse('must be a path such as /punctual, of letters, digits and . _ ~ -');
};

/** A list of web origins: scheme, host and port, and nothing behind. */
export const origins: Parse<readonly string[]> = (input) => {
  const entries = listOf(input);
  const read = entries.map((entry) => (/^https?:\/\//i.test(entry) && URL.canParse(entry) ? new URL(entry) : null));
  // A browser sends the origin as URL writes it. People paste it with a slash at the end.
  const good = read.every((url, index) => url !== null && isBare(url, entries[index] as string));
  if (entries.length > 0 && good) return ok(Object.freeze([...new Set(read.map((url) => (url as URL).origin))]));
  return refuse(
    'must be a list of origins such as https://app.example:8443; * is none, for it would let every page in',
  );
};

function hostName(entry: string): HostName | null {
  if (entry === '*') return { name: '*', port: null };
  const [, literal, bare, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  const address = literal ?? (isIP(entry) === 6 ? entry : undefined);
  if (address !== undefined)
    return isIP(address) === 6 ? { name: new URL(`http://[${address}]`).hostname.slice(1, -1), port } : null;
  const name = bare?.toLowerCase().replace(/\.$/, '') ?? '';
  const labels = (name.startsWith('*.') ? name.slice(2) : name).split('.');
  const isName = name.length <= 253 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  // A name that looks like an address but is none can be in no request.
  return isName && (isIP(name) === 4 || !/^\d+$/.test(labels.at(-1) ?? '')) ? { name, port } : null;
}

function isBare(url: URL, entry: string): boolean {
  const rest = entry.replace(/^https?:\/\//i, '').replace(/\/$/, '');
  return url.username === '' && url.password === '' && url.host !== '' && !/[/?#@*\s\\]/.test(rest);
}

function listOf(input: string): string[] {
  return input.split(/[\s,]+/).filter((entry) => entry !== '');
}

function refuse(error: string): { ok: false; errors: string[] } {
  return { ok: false, errors: [error] };
}
