/** The filters of the list of tasks: what the address says, what the service is asked, what a bulk change selects. */

import { infiniteQueryOptions } from '@tanstack/react-query';
import { bodyOf, clientOf, type Schemas, type Task } from '../../api/client.ts';
import type { Values } from '../../ui/url-state.ts';

export type TaskFilters = { q?: string; status?: Task['status'][]; label?: string[] };

export function readFilters({ q, status, label }: Values): TaskFilters {
  return {
    ...(q && { q }),
    ...(status && { status: [status as Task['status']] }),
    // Half a label is no filter yet.
    ...(label?.includes(':') && { label: [label] }),
  };
}

/** Tasks in the order of their ids, page by page, each with its last runs. */
export function tasksQuery(namespace: string | null, filters: TaskFilters) {
  return infiniteQueryOptions({
    queryKey: ['tasks', namespace, filters],
    queryFn: ({ pageParam }) => {
      const query = { ...filters, limit: 200, include: ['strip'], ...(pageParam !== null && { cursor: pageParam }) };
      return bodyOf(clientOf(namespace).GET('/tasks', { params: { query: query as never } })) as Promise<
        Schemas['TaskList']
      >;
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}
