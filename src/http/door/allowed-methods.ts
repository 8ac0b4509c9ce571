/** Knows which methods each path has, for the 405 of a wrong one. */

import findMyWay, { type HTTPMethod } from 'find-my-way';

/** Whether a route needs no sign-in, and whether it also exists below `/ns/{namespace}`. */
type Marks = { isPublic: boolean; inNamespaces: boolean };

export type AllowedMethods = {
  /** A route was added. */
  add(path: string, methods: string | readonly string[], marks: Marks): void;
  /**
   * The methods of the routes that a path (without namespace and query) matches, and whether one of them is public;
   * null for no route. `inNamespace` tells whether the path named a namespace.
   */
  of(path: string, inNamespace: boolean): { allow: string; isPublic: boolean } | null;
};

const order = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** `options` are those of the router that requests go through: paths must match here as they do there. */
export function createAllowedMethods(options: {
  ignoreTrailingSlash: boolean;
  maxParamLength: number;
}): AllowedMethods {
  const router = findMyWay<findMyWay.HTTPVersion.V1>({ ...options, onBadUrl() {} });

  return {
    add(path, methods, marks) {
      for (const method of order)
        if ([methods].flat().includes(method) && !router.hasRoute(method, path))
          router.on(method as HTTPMethod, path, () => {}, marks);
    },
    of(path, inNamespace) {
      const found = order.flatMap((method) => {
        const { isPublic, inNamespaces } = (router.find(method, path)?.store ?? {}) as Partial<Marks>;
        if (isPublic === undefined || (inNamespace && !inNamespaces)) return [];
        return [{ method, isPublic }];
      });
      if (found.length === 0) return null;
      const allow = [...found.map(({ method }) => method), 'OPTIONS'].join(', ');
      return { allow, isPublic: found.some((route) => route.isPublic) };
    },
  };
}
