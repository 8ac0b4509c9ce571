/** The queries of the pages. The first part of a key is what live updates go by: see live.tsx. */

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { bodyOf, clientOf, clusterClient, type Run, type Schemas, type Task } from './client.ts';

type Namespace = string | null;
export type RunFilters = {
  status?: readonly Run['status'][];
  trigger?: readonly Run['trigger'][];
  task?: string;
  from?: string;
  to?: string;
};

/** Runs, newest first, page by page. */
export function runsQuery(namespace: Namespace, filters: RunFilters, limit = 50) {
  return infiniteQueryOptions({
    queryKey: ['runs', namespace, filters, limit],
    queryFn: ({ pageParam }) => {
      const query = { ...definedOf(filters), limit, ...(pageParam !== null && { cursor: pageParam }) };
      return bodyOf(clientOf(namespace).GET('/runs', { params: { query: query as never } })) as Promise<
        Schemas['RunList']
      >;
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}

export function runQuery(namespace: Namespace, id: string) {
  return queryOptions({
    queryKey: ['run', namespace, id],
    queryFn: () => bodyOf(clientOf(namespace).GET('/runs/{id}', { params: { path: { id } } })),
  });
}

export function taskQuery(namespace: Namespace, id: string) {
  return queryOptions({
    queryKey: ['task', namespace, id],
    queryFn: async (): Promise<{ task: Task; etag: string | null }> => {
      const answer = await clientOf(namespace).GET('/tasks/{id}', { params: { path: { id } } });
      return { task: answer.data as Task, etag: answer.response.headers.get('etag') };
    },
  });
}

/** The next instants at which a task fires. */
export function nextQuery(namespace: Namespace, id: string, count: number) {
  return queryOptions({
    queryKey: ['task', namespace, id, 'next', count],
    queryFn: () => bodyOf(clientOf(namespace).GET('/tasks/{id}/next', { params: { path: { id }, query: { count } } })),
  });
}

export function missesQuery(namespace: Namespace, id: string) {
  return queryOptions({
    queryKey: ['task', namespace, id, 'misses'],
    queryFn: () => bodyOf(clientOf(namespace).GET('/tasks/{id}/misses', { params: { path: { id } } })),
  });
}

export function eventsQuery(namespace: Namespace, id: string) {
  return queryOptions({
    queryKey: ['task', namespace, id, 'events'],
    queryFn: () => bodyOf(clientOf(namespace).GET('/tasks/{id}/events', { params: { path: { id } } })),
  });
}

export const clusterQuery = queryOptions({
  queryKey: ['cluster'],
  queryFn: () => bodyOf(clusterClient().GET('/cluster')),
});

/** The members that have a value: the client would send the others as `undefined`. */
function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== '' && value?.length !== 0),
  ) as Partial<T>;
}
