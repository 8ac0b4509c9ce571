/** The headers that restrict browsers in the use of an answer. */

type Headers = readonly (readonly [name: string, value: string])[];

const everywhere: Headers = [
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['x-frame-options', 'DENY'],
  // Pages of other origins cannot load an answer as a script or an image. CORS is separate.
  ['cross-origin-resource-policy', 'same-origin'],
];

/** An answer of the API is not a page. These headers keep a browser from using it as one. */
const api: Headers = [
  ...everywhere,
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cache-control', 'no-store'],
];

/** Swagger UI sets styles in its markup; all else of it comes from here. */
const docs: Headers = [
  ...everywhere,
  [
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; " +
      "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ],
];

/** The page of the console and its files. */
const console: Headers = [
  ...everywhere,
  [
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
      "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ],
];

/** For an answer of this route, named by its template. */
export function securityHeaders(route: string): Headers {
  if (route === '/console' || route.endsWith('/console/*') || route.startsWith('/console/assets')) return console;
  return route.startsWith('/docs') ? docs : api;
}
