/** How a URL is reached: its connections, its proxy, its certificates. */

import { type ProxyAddress, type ProxyChoice, proxyName, readProxy } from './target/proxy.ts';
import type { HttpTarget } from './target/target.ts';
import type { TargetTls } from './target/tls.ts';

/** The way to one URL. */
export type Route = {
  url: URL;
  /** Scheme, host and port. */
  origin: string;
  /**
   * The key by which connections are shared: the origin, with the proxy and a mark of its credentials and of `tls`
   * where there are any. So connections with a client certificate, or without verification, serve no other target.
   */
  key: string;
  /** The target of the request line; with the origin where a proxy needs it. */
  path: string;
  /** The host whose certificate is required, for https; else empty. */
  servername: string;
  proxy: ProxyAddress | null;
  tls: TargetTls | null;
};

export type Router = {
  /** `proxy` and `tls` as a target has them. Throws where the proxy's URL is not valid. */
  routeTo(url: URL, proxy: HttpTarget['proxy'], tls: TargetTls | undefined): Route;
};

/** `fingerprint` is a one-way hash of a text. */
export function createRouter(proxyOf: ProxyChoice | null, fingerprint: (text: string) => string): Router {
  return {
    routeTo(url, ownProxy, ownTls) {
      const { origin } = url;
      const proxy = chosen(url, ownProxy);
      // Without encryption there is nothing to trust or to show.
      const tls = url.protocol === 'https:' ? (ownTls ?? null) : null;
      const path = url.pathname + url.search;
      const servername = url.protocol === 'https:' ? url.hostname : '';
      if (proxy === null && tls === null) return { url, origin, key: origin, path, servername, proxy, tls };
      const secret = JSON.stringify([proxy?.authorization, tls?.ca, tls?.cert, tls?.key, tls?.insecure]);
      const via = proxy === null ? '' : ` via ${proxyName(proxy)}`;
      return {
        url,
        origin,
        key: `${origin}${via} (${fingerprint(secret)})`,
        // A tunnel leads to the target itself; a proxy asked for more has to be told the whole URL (RFC 9112 §3.2.2).
        path: proxy !== null && url.protocol === 'http:' ? origin + path : path,
        servername,
        proxy,
        tls,
      };
    },
  };

  function chosen(url: URL, own: string | undefined): ProxyAddress | null {
    if (own === 'none') return null;
    return own === undefined ? (proxyOf?.(url) ?? null) : readProxy(own);
  }
}

/**
 * The headers that a request needs for its way, names and values in turn: in a tunnel the proxy has the credentials
 * already.
 */
export function routeHeaders({ url, proxy }: Route): string[] {
  return proxy === null || proxy.authorization === null || url.protocol === 'https:'
    ? []
    : ['proxy-authorization', proxy.authorization];
}
