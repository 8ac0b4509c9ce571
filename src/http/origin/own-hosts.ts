/**
 * Tells whether a request is meant for this service. A request that a web page makes under another name is refused (DNS
 * rebinding).
 */

import { type Authority, plainAddress, readAuthority } from './authority.ts';

/** A name that `ALLOWED_HOSTS` lists: `*` is any, `*.example.com` every name below, a port null any port. */
export type AllowedHost = { readonly name: string; readonly port: number | null };

type HostSettings = {
  /** The address that it listens on. */
  host: string;
  allowedHosts: readonly AllowedHost[];
  /** Where browsers reach the service, or null. */
  publicUrl: string | null;
  isLoopback: (host: string) => boolean;
};

/** The names that a request is for, and the address it came in by. */
export type Addressed = {
  /** Every `Host` header. */
  hosts: readonly string[];
  /** The authority of an absolute request target (`GET http://…/`), or null. */
  target: string | null;
  /** The local address of its connection. */
  localAddress: string | undefined;
  /** Whether it is HTTP/1.1 or later, which must have a `Host`. */
  needsHost: boolean;
};

/** `own`: for this service. `malformed`: no valid `Host` (400). `foreign`: for another service (421). */
export type Verdict = 'own' | 'malformed' | 'foreign';

/**
 * These hosts are own: the loopback names and addresses, the address or name of `HOST`, the address by which the
 * connection came, that of `PUBLIC_URL`, and `ALLOWED_HOSTS`. Any port is accepted, because proxies and port mappings change it. Other
 * addresses are foreign. HTTP/1.0 without a `Host` is accepted: browsers do not send it, old health checks do.
 */
export function createHostCheck({
  host,
  allowedHosts,
  publicUrl,
  isLoopback,
}: HostSettings): (request: Addressed) => Verdict {
  const configured = readAuthority(host.includes(':') ? `[${host}]` : host)?.name;
  const published = publicUrl === null ? undefined : readAuthority(new URL(publicUrl).host)?.name;

  const isOwn = ({ name, port }: Authority, localAddress: string | undefined) =>
    isLoopback(name) ||
    name === configured ||
    name === published ||
    (localAddress !== undefined && name === plainAddress(localAddress)) ||
    allowedHosts.some((each) => (each.port === null || each.port === port) && covers(each.name, name));

  return ({ hosts, target, localAddress, needsHost }) => {
    if (hosts.length > 1 || (hosts.length === 0 && needsHost)) return 'malformed';
    const named = target === null ? hosts : [...hosts, target];
    for (const text of named) {
      const authority = readAuthority(text);
      if (authority === null) return 'malformed';
      if (!isOwn(authority, localAddress)) return 'foreign';
    }
    return 'own';
  };
}

function covers(pattern: string, name: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern;
}
