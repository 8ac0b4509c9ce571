/** Reads the machine's own files about names: /etc/hosts, and the search domains of /etc/resolv.conf. */

import { isIP } from 'node:net';
import type { ResolvedAddress } from '../connections/race.ts';

export type NameFiles = {
  /** The addresses of a host that needs no name server, in the order of the file; null for any other. */
  addressesOf(host: string): readonly ResolvedAddress[] | null;
  /**
   * The names to ask a name server for, one after the other, until one exists (resolv.conf(5): `search` and `ndots`).
   */
  candidates(host: string): string[];
};

export type NameFilesOptions = {
  /** Gives a file's text; throws where there is none. */
  readText(path: string): string;
  /** Monotonic milliseconds. */
  monotonic(): number;
};

/** A change of a file is seen after so many milliseconds at most. */
const rereadMs = 5_000;
const mostNdots = 15;

type Search = { domains: string[]; ndots: number };

export function createNameFiles({ readText, monotonic }: NameFilesOptions): NameFiles {
  let readAt = Number.NEGATIVE_INFINITY;
  let hostsText = '';
  let hosts = new Map<string, ResolvedAddress[]>();
  let search: Search = { domains: [], ndots: 1 };

  function refresh(): void {
    if (monotonic() - readAt < rereadMs) return;
    readAt = monotonic();
    const text = textOf('/etc/hosts');
    // The file may be long and rarely changes, so it is parsed only when its text has changed.
    if (text !== hostsText) hosts = parseHosts(text);
    hostsText = text;
    search = parseSearch(textOf('/etc/resolv.conf'));
  }

  function textOf(path: string): string {
    try {
      return readText(path);
    } catch {
      return '';
    }
  }

  return {
    addressesOf(host) {
      refresh();
      const name = host.toLowerCase().replace(/\.$/, '');
      return hosts.get(name) ?? (/(^|\.)localhost$/.test(name) ? loopback : null);
    },
    candidates(host) {
      refresh();
      // A dot at the end says that the name is whole.
      if (host.endsWith('.')) return [host.slice(0, -1)];
      const { domains, ndots } = search;
      const longer = domains.map((domain) => `${host}.${domain}`);
      return host.split('.').length - 1 >= ndots ? [host, ...longer] : [...longer, host];
    },
  };
}

/** RFC 6761 §6.3: never asked for. */
const loopback: readonly ResolvedAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/** Names in lower case, with their addresses in the order of the file. */
function parseHosts(text: string): Map<string, ResolvedAddress[]> {
  const hosts = new Map<string, ResolvedAddress[]>();
  for (const [address = '', ...names] of wordsOf(text)) {
    const family = isIP(address);
    if (family === 0) continue;
    for (const name of names) {
      const known = hosts.get(name.toLowerCase());
      if (known === undefined) hosts.set(name.toLowerCase(), [{ address, family }]);
      else if (known.every((each) => each.address !== address)) known.push({ address, family });
    }
  }
  return hosts;
}

/** The last `search` or `domain` line is used. */
function parseSearch(text: string): Search {
  let domains: string[] = [];
  let ndots = 1;
  for (const [keyword, ...words] of wordsOf(text)) {
    if (keyword === 'search' || keyword === 'domain')
      domains = words.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== '');
    const dots = keyword === 'options' ? words.findLast((word) => /^ndots:\d+$/.test(word)) : undefined;
    if (dots !== undefined) ndots = Math.min(Number(dots.slice('ndots:'.length)), mostNdots);
  }
  return { domains, ndots };
}

/** The words of each line, comments left out. */
function wordsOf(text: string): string[][] {
  return text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  );
}
