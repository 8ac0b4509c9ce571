/** Reaches an origin through a proxy, where settings allow both. */

import { request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { proxyError } from '../outcome.ts';
import type { ProxyAddress } from '../target/proxy.ts';
import { type Connector, type ConnectorOptions, createConnector, refused } from './connector.ts';
import { createSecured } from './secured.ts';

/**
 * A connector that reaches every endpoint through `proxy`, without TLS to the endpoint: over a tunnel (CONNECT) where
 * it is https, else by the proxy's own connection, on which requests name the whole URL. The proxy's address is
 * filtered like any other, and so is the endpoint's: a literal one as it stands, a name once it is looked up here. A
 * name that only the proxy can resolve is refused where settings allow only some addresses. Otherwise the proxy
 * decides.
 */
export function createTunnel(proxy: ProxyAddress, options: ConnectorOptions): Connector {
  const { filter, resolve } = options;
  const toProxy = createSecured(createConnector(options), null);

  async function check(host: string): Promise<void> {
    const refusal = isIP(host) === 0 ? filter.refusesHost(host) : filter.refusesAddress(host, host);
    if (refusal !== null) throw refused(refusal);
    if (isIP(host) !== 0) return;
    const found = await resolve(host).catch(() => null);
    const addresses = [...(found?.addresses ?? []), ...((await found?.late) ?? [])];
    // It is not known which of them the proxy would choose.
    for (const { address } of addresses) {
      const detail = filter.refusesAddress(host, address);
      if (detail !== null) throw refused(detail);
    }
    const detail = addresses.length === 0 ? filter.refusesUnresolved(host) : null;
    if (detail !== null) throw refused(detail);
  }

  return (endpoint, report) => {
    let isOver = false;
    let giveUp = () => {};
    const complete = (error: Error | null, socket: Socket | null) => {
      if (isOver) return;
      isOver = true;
      report(error, socket);
    };
    check(endpoint.hostname)
      .then(() => {
        if (isOver) return;
        giveUp = toProxy(proxy, (error, socket) => {
          if (socket === null) return complete(proxyError(null, error), null);
          if (endpoint.protocol !== 'https:') return complete(null, socket);
          giveUp = () => socket.destroy();
          // The next owner listens to its errors. In between they must not be unhandled.
          socket.on('error', () => {});
          const { hostname, port } = endpoint;
          const authority = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port || 443}`;
          askForTunnel(socket, authority, proxy.authorization, (failure) =>
            complete(failure, failure === null ? socket : null),
          );
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
 * Asks the proxy at the other end of a socket for a tunnel (RFC 9110 §9.3.6), and reports why there is none, or null.
 */
function askForTunnel(
  socket: Socket,
  authority: string,
  authorization: string | null,
  report: (failure: Error | null) => void,
): void {
  const asking = request({
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...(authorization === null ? {} : { 'proxy-authorization': authorization }) },
    createConnection: () => socket,
  });
  asking.once('error', (error) => report(proxyError(null, error)));
  asking.once('connect', ({ statusCode = 0 }, _socket, head) => {
    // From then on the socket belongs to the caller, and so do its errors.
    if (statusCode < 200 || statusCode > 299) {
      socket.destroy();
      report(proxyError(statusCode));
      return;
    }
    if (head.length > 0) socket.unshift(head);
    report(null);
  });
  asking.end();
}
