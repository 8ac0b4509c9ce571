/** The queries of the home page. */

import { queryOptions } from '@tanstack/react-query';
import { bodyOf, clientOf, type Schemas } from '../../api/client.ts';
import type { RunFilters } from '../../api/queries.ts';

/** The newest runs of some states. */
export function latestQuery(namespace: string | null, filters: RunFilters) {
  return queryOptions({
    queryKey: ['runs', namespace, 'latest', filters],
    queryFn: () =>
      bodyOf(clientOf(namespace).GET('/runs', { params: { query: { ...filters, limit: 20 } as never } })) as Promise<
        Schemas['RunList']
      >,
  });
}

/** Whether there is any task. */
export function anyTaskQuery(namespace: string | null) {
  return queryOptions({
    queryKey: ['tasks', namespace, 'any'],
    queryFn: () => bodyOf(clientOf(namespace).GET('/tasks', { params: { query: { limit: 1 } } })),
  });
}
