/** Knows which methods each path has, for the 405 of a wrong one. */

import findMyWay, { type HTTPMethod } from 'find-my-way';

export type AllowedMethods = {
  /** A route was added. */
  add(path: string, methods: string | readonly string[], isPublic: boolean): void;
  /**
   * The methods of the routes that a path (without its query) matches, and whether one of them is public; null for no
   * route.
   */
  of(path: string): { allow: string; isPublic: boolean } | null;
};

const order = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** `options` are those of the router that requests go through: paths must match here as they do there. */
export function createAllowedMethods(options: {
  ignoreTrailingSlash: boolean;
  maxParamLength: number;
}): AllowedMethods {
  const router = findMyWay<findMyWay.HTTPVersion.V1>({ ...options, onBadUrl() {} });

  return {
    add(path, methods, isPublic) {
      for (const method of order)
        if ([methods].flat().includes(method) && !router.hasRoute(method, path))
          router.on(method as HTTPMethod, path, () => {}, { isPublic });
    },
    of(path) {
      const found = order.flatMap((method) => {
        const route = router.find(method, path);
        return route ? [{ method, isPublic: (route.store as { isPublic: boolean }).isPublic }] : [];
      });
      if (found.length === 0) return null;
      const allow = [...found.map(({ method }) => method), 'OPTIONS'].join(', ');
      return { allow, isPublic: found.some((route) => route.isPublic) };
    },
  };
}
