/** Who the caller is, how it may sign in, and what its role here allows. */

import { queryOptions, useQuery } from '@tanstack/react-query';
import { bodyOf, clusterClient, Problem, type Schemas } from './client.ts';
import { useNamespace } from './namespace.ts';

export type Role = 'reader' | 'operator' | 'admin' | 'owner';
const order: readonly Role[] = ['reader', 'operator', 'admin', 'owner'];

export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: () => bodyOf(clusterClient().GET('/console/config')),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The caller; null where nobody has signed in. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () =>
    bodyOf(clusterClient().GET('/me')).catch((error: unknown) => {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }),
  staleTime: 30_000,
});

type Identity = Schemas['Identity'];

/** The namespace that calls act in without one in the address, as the service chooses it. */
export function ownNamespace({ namespaces }: Identity): string {
  return namespaces.includes('default') ? 'default' : (namespaces[0] ?? 'default');
}

/** Whether the caller's role in the namespace of the address covers `needs`. What it does not cover is not offered. */
export function useMay(needs: Role): boolean {
  const { data: me } = useQuery(meQuery);
  const named = useNamespace();
  if (!me) return false;
  const namespace = named ?? ownNamespace(me);
  return me.bindings.some(
    ({ role, namespace: where }) =>
      (where === '*' || where === namespace) && order.indexOf(role as Role) >= order.indexOf(needs),
  );
}
