/** The queries of the home page. */

import { queryOptions } from '@tanstack/react-query';
import { bodyOf, clientOf, type Run, type Schemas } from '../../api/client.ts';
import type { RunFilters } from '../../api/queries.ts';

type Namespace = string | null;
export type Count = Schemas['Stats'];

const minuteMs = 60_000;
/** How far back the chart goes. */
export const chartMinutes = 180;

/** The newest runs of some states. */
export function latestQuery(namespace: Namespace, filters: RunFilters, limit: number) {
  return queryOptions({
    queryKey: ['runs', namespace, 'latest', filters, limit],
    queryFn: () =>
      bodyOf(clientOf(namespace).GET('/runs', { params: { query: { ...filters, limit } as never } })) as Promise<
        Schemas['RunList']
      >,
  });
}

/** Whether there is any task. */
export function anyTaskQuery(namespace: Namespace) {
  return queryOptions({
    queryKey: ['tasks', namespace, 'any'],
    queryFn: () => bodyOf(clientOf(namespace).GET('/tasks', { params: { query: { limit: 1 } } })),
  });
}

/** Runs and misses by minute of the last hours; the service is at most a minute behind. */
export function minutesQuery(namespace: Namespace, now: number) {
  const to = Math.floor(now / minuteMs) * minuteMs;
  const query = {
    from: new Date(to - chartMinutes * minuteMs).toISOString(),
    to: new Date(to).toISOString(),
    bucket: '1m' as const,
  };
  return queryOptions({
    queryKey: ['now', namespace, 'minutes', to],
    queryFn: () => bodyOf(clientOf(namespace).GET('/stats', { params: { query } })),
    placeholderData: (before) => before,
    staleTime: 15_000,
  });
}

/** What is due in the next ten minutes. */
export function soonQuery(namespace: Namespace, now: number) {
  const from = Math.floor(now / minuteMs) * minuteMs;
  const query = { from: new Date(from).toISOString(), to: new Date(from + 10 * minuteMs).toISOString() };
  return queryOptions({
    queryKey: ['forecast', namespace, 'soon', from],
    queryFn: () => bodyOf(clientOf(namespace).GET('/forecast', { params: { query } })),
    placeholderData: (before) => before,
  });
}

/** A task with failed runs, and how it has gone since. */
export type Failing = { taskId: string; latest: Run; earliest: Run; failures: number; isCut: boolean };

/** Failed runs, newest first, by task. `isCut` where there may be more. */
export function byTask(runs: readonly Run[], isCut: boolean): Failing[] {
  const tasks = new Map<string, Failing>();
  for (const run of runs) {
    const known = tasks.get(run.taskId);
    if (known) Object.assign(known, { earliest: run, failures: known.failures + 1 });
    else tasks.set(run.taskId, { taskId: run.taskId, latest: run, earliest: run, failures: 1, isCut });
  }
  return [...tasks.values()];
}
