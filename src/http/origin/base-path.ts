/** The API below a path of its own (BASE_PATH): requests lose the prefix, links in answers get it. */

/** Answered with and without the prefix: their callers often do not come through the proxy. */
const servicePaths = new Set(['/livez', '/readyz', '/healthz', '/metrics']);
/** No route: requests outside the base path go here, and get a 404. */
const outside = '/outside/of/the/base/path';

/** A request target taken apart. `authority` is null unless the target was absolute (`http://…`). */
export type Target = { authority: string | null; path: string };

export function readTarget(url: string): Target {
  const [, authority, path = ''] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (authority === undefined) return { authority: null, path: url };
  return { authority, path: path.startsWith('/') ? path : `/${path}` };
}

/** The path that routes know, for one that a client sent. */
export function withoutBase(path: string, basePath: string): string {
  if (basePath === '') return path;
  const [bare = ''] = path.split('?', 1);
  if (servicePaths.has(bare)) return path;
  if (!path.startsWith(basePath)) return outside;
  const rest = path.slice(basePath.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : outside;
}

/** A header that links to a path of ours (`/…` or `</…>; rel=…`), seen from outside. */
export function withBase(link: string, basePath: string): string {
  return link.replace(/^(<?)(?=\/(?!\/))/, `$1${basePath}`);
}
