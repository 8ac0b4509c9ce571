/** Paths that name a namespace: `/ns/billing/tasks` is the path `/tasks` in the namespace `billing`. */

import { readTarget, withoutBase } from './base-path.ts';

/** `namespace` is as the client wrote it, and null where the path names none. */
export type NamespacePath = { namespace: string | null; path: string };

/** The path that routes know, with the namespace that was taken off it. `url` is a request target as it was sent. */
export function readRoutePath(url: string, basePath: string): NamespacePath {
  const path = withoutBase(readTarget(url).path, basePath);
  const [, namespace = null, rest = path] = /^\/ns\/([^/?#]+)(\/[^/?#].*)$/s.exec(path) ?? [];
  return { namespace, path: rest };
}

/** What stands before the paths of routes in the links of an answer. */
export function linkBase(url: string, basePath: string): string {
  const { namespace } = readRoutePath(url, basePath);
  return namespace === null ? basePath : `${basePath}/ns/${namespace}`;
}
