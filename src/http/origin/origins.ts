/** Refuses changes by web pages of other origins, except those of CORS_ORIGINS. */

import { isSamePlace, readAuthority } from './authority.ts';

/** The headers of a browser about the page that made a request; undefined where there are none. */
export type Page = {
  method: string;
  /** `Origin`. */
  origin: string | undefined;
  /** `Sec-Fetch-Site`. */
  site: string | undefined;
  /** `Host`. */
  host: string | undefined;
};

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Whether a page of another origin asks for a change. Programs other than browsers send neither header. Sandboxed pages
 * and files send the origin `null`, which counts as another origin.
 */
export function isCrossSite({ method, origin, site, host }: Page, corsOrigins: ReadonlySet<string>): boolean {
  if (safeMethods.has(method)) return false;
  if (origin !== undefined && corsOrigins.has(origin)) return false;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && !isOriginOf(origin, host);
}

/**
 * Whether a page of this service asks, or nothing is changed: for requests that only a cookie speaks for, which any page
 * can make a browser send. `publicUrl` is where browsers reach the service; null: wherever they do.
 */
export function isOwnPage({ method, origin, host }: Omit<Page, 'site'>, publicUrl: string | null): boolean {
  if (safeMethods.has(method)) return true;
  if (origin === undefined) return false;
  return publicUrl === null ? isOriginOf(origin, host) : origin === new URL(publicUrl).origin;
}

function isOriginOf(origin: string, host: string | undefined): boolean {
  const [, scheme, authority] = /^(https?):\/\/([^/]+)$/.exec(origin) ?? [];
  const [page, own] = [readAuthority(authority ?? ''), readAuthority(host ?? '')];
  return page !== null && own !== null && isSamePlace(page, scheme as 'http' | 'https', own);
}

const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const requestHeaders =
  'authorization, content-type, idempotency-key, if-match, if-none-match, prefer, traceparent, x-api-key, x-request-id, x-run-token';
const exposedHeaders =
  'ETag, Location, Link, Retry-After, X-Request-Id, Idempotency-Replayed, Preference-Applied, WWW-Authenticate, Allow, ' +
  'X-Log-Next-Offset, X-Log-Complete, X-Log-Dropped';

/**
 * The CORS headers of an answer, in lower case. Never with credentials: pages send keys and tokens in headers of their
 * own, and cookies are for the pages of this service. `isPreflight` where a browser asks before the request itself.
 */
export function corsHeaders(
  origin: string | undefined,
  isPreflight: boolean,
  corsOrigins: ReadonlySet<string>,
): Record<string, string> {
  if (corsOrigins.size === 0) return {};
  // Also without an origin: a cache must not give one page's answer to another.
  if (origin === undefined || !corsOrigins.has(origin)) return { vary: 'Origin' };
  if (!isPreflight)
    return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': exposedHeaders };
  return {
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    'access-control-allow-origin': origin,
    'access-control-allow-methods': methods,
    'access-control-allow-headers': requestHeaders,
    'access-control-max-age': '600',
  };
}
