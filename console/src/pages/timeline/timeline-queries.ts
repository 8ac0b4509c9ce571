/** The queries of the timeline, each with a bound: the page says where more is there than it shows. */

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { bodyOf, clientOf, type Run, type Schemas, type Task } from '../../api/client.ts';
import type { Values } from '../../ui/url-state.ts';
import type { Stretch } from './range.ts';

type Namespace = string | null;

/** The most tasks, runs, and instants to come of a task that are read. */
export const mostTasks = 50;
export const mostRuns = 1_000;
const mostInstants = 150;
const pageSize = 200;
/** Up to this many tasks their runs are read by themselves: others do not use up the bound. */
const mostByThemselves = 4;
/** Runs are read again every so often: hints of a busy service would come faster than the pages can be read. */
const againMs = 5_000;

/** The first tasks that match. */
export function shownTasksQuery(namespace: Namespace, { q, label }: Values) {
  const query = { limit: mostTasks, ...(q && { q }), ...(label?.includes(':') && { label: [label] }) };
  return queryOptions({
    queryKey: ['tasks', namespace, 'timeline', query],
    queryFn: () => bodyOf(clientOf(namespace).GET('/tasks', { params: { query } })),
    placeholderData: keepPreviousData,
  });
}

/** `cutAt` is the instant before which runs were not read, in epoch milliseconds; null where all are there. */
export type ShownRuns = { items: Run[]; cutAt: number | null };

/** The runs that are due in the stretch, and a bit before it: they may last into it. */
export function shownRunsQuery(namespace: Namespace, tasks: readonly string[], { from, to }: Stretch, isLive: boolean) {
  const ids = tasks.length <= mostByThemselves ? tasks : [undefined];
  return queryOptions({
    queryKey: ['timeline', namespace, 'runs', ids, from, to],
    queryFn: async ({ signal }): Promise<ShownRuns> => {
      const all = await Promise.all(ids.map((task) => readRuns(namespace, task, { from, to }, signal)));
      const cuts = all.flatMap(({ cutAt }) => (cutAt === null ? [] : [cutAt]));
      return { items: all.flatMap(({ items }) => items), cutAt: cuts.length > 0 ? Math.max(...cuts) : null };
    },
    enabled: tasks.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: isLive ? againMs : false,
  });
}

async function readRuns(
  namespace: Namespace,
  task: string | undefined,
  { from, to }: { from: number; to: number },
  signal: AbortSignal,
): Promise<ShownRuns> {
  const items: Run[] = [];
  const range = { from: new Date(from - (to - from) / 8).toISOString(), to: new Date(to).toISOString() };
  let cursor: string | null = null;
  do {
    const query = {
      ...range,
      limit: pageSize,
      ...(task !== undefined && { task }),
      ...(cursor !== null && { cursor }),
    };
    const page: Schemas['RunList'] = await bodyOf(clientOf(namespace).GET('/runs', { params: { query }, signal }));
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && items.length < mostRuns);
  const oldest = items.at(-1);
  return { items, cutAt: cursor !== null && oldest !== undefined ? Date.parse(oldest.scheduledFor) : null };
}

/** The instants of a task that lie in the rest of the stretch. They change with the task and with its next run. */
export function shownNextQuery(namespace: Namespace, { id, version, nextRunAt }: Task, { from, to }: Stretch) {
  const isDue = nextRunAt !== null && Date.parse(nextRunAt) < to;
  return queryOptions({
    queryKey: ['timeline', namespace, 'next', id, version, nextRunAt, from, to],
    queryFn: async () => {
      const begin = Math.max(from, Date.parse(nextRunAt ?? '') - 1);
      const query = { count: mostInstants, from: new Date(begin).toISOString() };
      const { items } = await bodyOf(clientOf(namespace).GET('/tasks/{id}/next', { params: { path: { id }, query } }));
      const shown = items.filter((at) => Date.parse(at) < to);
      return { items: shown, isCut: shown.length === mostInstants };
    },
    enabled: isDue,
    staleTime: 60_000,
  });
}

/** The newest misses of a task. */
export function shownMissesQuery(namespace: Namespace, id: string, isLive: boolean) {
  return queryOptions({
    queryKey: ['timeline', namespace, 'misses', id],
    queryFn: () => bodyOf(clientOf(namespace).GET('/tasks/{id}/misses', { params: { path: { id } } })),
    staleTime: 30_000,
    refetchInterval: isLive ? 60_000 : false,
  });
}
