/** Puts TLS on sockets where the endpoint asks for it. */

import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TargetTls } from '../target/tls.ts';
import type { Connector } from './connector.ts';

/**
 * The connector `reach`, with TLS on its sockets for https. They share the TLS session. The certificate must be that of
 * the endpoint's host, even where a call names another `Host`. `tls` holds trusted certificates and the caller's own;
 * null for Node's defaults.
 */
export function createSecured(reach: Connector, tls: TargetTls | null): Connector {
  let session: Buffer | undefined;
  const { insecure, ...pems } = tls ?? {};
  const own = { ...pems, ...(insecure ? { rejectUnauthorized: false } : {}) };

  return (endpoint, report) => {
    if (endpoint.protocol !== 'https:') return reach(endpoint, report);
    let isOver = false;
    let giveUp = () => {};
    const complete = (error: Error | null, socket: Socket | null) => {
      if (isOver) return;
      isOver = true;
      report(error, socket);
    };
    giveUp = reach(endpoint, (error, socket) => {
      if (socket === null) return complete(error, null);
      const { hostname } = endpoint;
      const secured = connectTls({
        socket,
        host: hostname,
        // RFC 6066 §3 allows neither a literal address nor a dot at the end.
        servername: isIP(hostname) === 0 ? hostname.replace(/\.$/, '') : '',
        ALPNProtocols: ['http/1.1'],
        ...own,
        ...(session === undefined ? {} : { session }),
      });
      giveUp = () => secured.destroy();
      secured.on('session', (latest) => {
        session = latest;
      });
      // This listener stays for the socket's life: an error after the report is handled by the HTTP client, but must
      // never be unhandled.
      secured.on('error', (failure) => complete(failure, null)).once('secureConnect', () => complete(null, secured));
    });
    return () => {
      isOver = true;
      giveUp();
    };
  };
}
