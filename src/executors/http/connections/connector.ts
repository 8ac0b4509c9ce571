/** Opens sockets to one origin, to addresses that the target filter allows and to no others. */

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { Clock } from '../../../clock.ts';
import type { TargetFilter } from '../filter/target-filter.ts';
import { refusedCode } from '../outcome.ts';
import { connectFirst, type ResolvedAddress } from './race.ts';

/** The addresses of a host, and those of the other family where they are still looked up. */
export type Resolved = { addresses: readonly ResolvedAddress[]; late: Promise<readonly ResolvedAddress[]> | null };

/**
 * Looks up the addresses of a host, at least one; rejects with the system's error. Asked for every socket: it
 * remembers.
 */
export type ResolveHost = (host: string) => Promise<Resolved>;

export type Endpoint = { protocol: string; hostname: string; port: string };

/** Opens one socket and reports it, or why there is none; the returned function gives up without a report. */
export type Connector = (
  endpoint: Endpoint,
  report: (error: Error | null, socket: Socket | null) => void,
) => () => void;

export type ConnectorOptions = { clock: Clock; filter: TargetFilter; resolve: ResolveHost };

/**
 * A connector for the sockets of one origin, without TLS. The addresses that the filter saw are the ones connected to,
 * so a name that changes its answer between the two gains nothing. There is no timeout: the caller's deadline ends the
 * attempt to connect.
 */
export function createConnector({ clock, filter, resolve }: ConnectorOptions): Connector {
  /** The address family of the last connection, so that a family without a route is not tried first each time. */
  let family = 0;
  /** Counts sockets: they are spread over the addresses of a host. */
  let opened = 0;

  async function permitted(host: string): Promise<Resolved> {
    const refusal = isIP(host) === 0 ? filter.refusesHost(host) : filter.refusesAddress(host, host);
    if (refusal !== null) throw refused(refusal);
    if (isIP(host) !== 0) return { addresses: [{ address: host, family: isIP(host) }], late: null };
    const { addresses, late } = await resolve(host);
    const allowed = allowedOf(host, addresses);
    const later = late?.then((more) => allowedOf(host, more)) ?? null;
    if (allowed.length > 0) return { addresses: allowed, late: later };
    const last = (await later) ?? [];
    if (last.length > 0) return { addresses: last, late: null };
    throw refused(filter.refusesAddress(host, addresses[0]?.address ?? '') ?? `${host} has no address`);
  }

  function allowedOf(host: string, addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
    return addresses.filter(({ address }) => filter.refusesAddress(host, address) === null);
  }

  return ({ protocol, hostname, port }, report) => {
    let isOver = false;
    let giveUp = () => {};
    const complete = (error: Error | null, socket: Socket | null) => {
      if (isOver) return;
      isOver = true;
      report(error, socket);
    };

    function reached(error: Error | null, socket: Socket | null): void {
      if (socket !== null) family = isIP(socket.remoteAddress ?? '') || family;
      complete(error, socket);
    }

    permitted(hostname)
      .then(({ addresses, late }) => {
        if (isOver) return;
        giveUp = connectFirst({
          clock,
          open: (host) =>
            connectTcp({
              ...{ host, port: Number(port || (protocol === 'https:' ? 443 : 80)) },
              ...{ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 },
            }),
          addresses: inTurn(addresses, family, opened++),
          late,
          report: reached,
        });
      })
      .catch((error) => complete(error, null));
    return () => {
      isOver = true;
      giveUp();
    };
  };
}

/**
 * The families alternate (RFC 8305 §4), beginning with the one that led somewhere; of each another address comes first
 * each time.
 */
function inTurn(addresses: readonly ResolvedAddress[], family: number, turn: number): readonly ResolvedAddress[] {
  if (addresses.length < 2) return addresses;
  const first = addresses.some((each) => each.family === family) ? family : addresses[0]?.family;
  const preferred = rotated(
    addresses.filter((each) => each.family === first),
    turn,
  );
  const others = rotated(
    addresses.filter((each) => each.family !== first),
    turn,
  );
  const order: ResolvedAddress[] = [];
  for (let place = 0; place < Math.max(preferred.length, others.length); place++)
    for (const each of [preferred[place], others[place]]) if (each !== undefined) order.push(each);
  return order;
}

function rotated<T>(list: T[], turn: number): T[] {
  const from = turn % Math.max(1, list.length);
  return [...list.slice(from), ...list.slice(0, from)];
}

/** The error with which a connector refuses an address that the filter forbids. */
export function refused(message: string): Error {
  return Object.assign(new Error(message), { code: refusedCode });
}
