/** Opens sockets to one origin, to addresses that the target filter allows and to no others. */

import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../clock.ts';
import { refusedCode } from './http-outcome.ts';
import type { TargetFilter } from './target-filter.ts';

export type ResolvedAddress = { address: string; family: number };

/** Gives all addresses of a host; rejects with the system's error. */
export type ResolveHost = (host: string) => Promise<ResolvedAddress[]>;

export type Endpoint = { protocol: string; hostname: string; port: string };

/** Opens one socket and reports it, or why there is none; the returned function gives up without a report. */
export type Connector = (
  endpoint: Endpoint,
  report: (error: Error | null, socket: Socket | null) => void,
) => () => void;

export type ConnectorOptions = { clock: Clock; filter: TargetFilter; resolve: ResolveHost };

/** How long resolved addresses are used for further sockets, in milliseconds: a herd must not ask for one name 64 times. */
const resolvedForMs = 1000;

/**
 * A connector for the sockets of one origin, which share resolved addresses and the TLS session. The addresses that
 * the filter saw are the ones connected to, so a name that changes its answer between the two gains nothing.
 * There is no timeout: the caller's deadline ends the attempt to connect.
 */
export function createConnector({ clock, filter, resolve }: ConnectorOptions): Connector {
  let resolved: { at: number; addresses: Promise<ResolvedAddress[]> } | null = null;
  let session: Buffer | undefined;

  function addressesOf(host: string): Promise<ResolvedAddress[]> {
    const now = clock.monotonic();
    if (resolved === null || now - resolved.at > resolvedForMs) resolved = { at: now, addresses: permitted(host) };
    return resolved.addresses;
  }

  async function permitted(host: string): Promise<ResolvedAddress[]> {
    const refusal = isIP(host) === 0 ? filter.refusesHost(host) : filter.refusesAddress(host, host);
    if (refusal !== null) throw refused(refusal);
    if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }];
    const addresses = await resolve(host);
    const refusals = addresses.map(({ address }) => filter.refusesAddress(host, address));
    const first = refusals[0];
    if (typeof first === 'string' && refusals.every((one) => one !== null)) throw refused(first);
    return addresses.filter((_, index) => refusals[index] === null);
  }

  function open({ protocol, hostname, port }: Endpoint, addresses: ResolvedAddress[]): Socket {
    const lookup: LookupFunction = (_host, { all }, answer) => {
      if (all) answer(null, addresses);
      else answer(null, addresses[0]?.address ?? '', addresses[0]?.family);
    };
    const options = { host: hostname, lookup, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
    if (protocol !== 'https:') return connectTcp({ ...options, port: Number(port || 80) });
    return connectTls({
      ...options,
      port: Number(port || 443),
      // RFC 6066 §3 allows no literal address as a server name.
      servername: isIP(hostname) === 0 ? hostname : '',
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
    }).on('session', (latest) => {
      session = latest;
    });
  }

  return (endpoint, report) => {
    let socket: Socket | null = null;
    let isOver = false;
    const settle = (error: Error | null) => {
      if (isOver) return;
      isOver = true;
      report(error, error === null ? socket : null);
    };
    addressesOf(endpoint.hostname)
      .then((addresses) => {
        if (isOver) return;
        socket = open(endpoint, addresses);
        socket.once(endpoint.protocol === 'https:' ? 'secureConnect' : 'connect', () => settle(null));
        // Stays for the socket's life: an error after the report is the HTTP client's to see, but must never be unhandled.
        socket.on('error', settle);
      })
      .catch(settle);
    return () => {
      isOver = true;
      socket?.destroy();
    };
  };
}

function refused(message: string): Error {
  return Object.assign(new Error(message), { code: refusedCode });
}
