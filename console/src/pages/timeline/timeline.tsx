/** The page Timeline: tasks and time, what ran and what comes on one axis. */

import { useQueries, useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, useMemo, useState } from 'react';
import { useLive } from '../../api/live.tsx';
import { useNamespace } from '../../api/namespace.ts';
import { Empty, Failure, Loading } from '../../ui/states.tsx';
import { ownZone, Time, useNow } from '../../ui/time.tsx';
import { useUrlState, type Values } from '../../ui/url-state.ts';
import { Chart } from './chart.tsx';
import { Controls, Legend } from './controls.tsx';
import { moves, panned, type Stretch, stretchOf, zoomed } from './range.ts';
import styles from './timeline.module.css';
import {
  mostRuns,
  mostTasks,
  shownMissesQuery,
  shownNextQuery,
  shownRunsQuery,
  shownTasksQuery,
} from './timeline-queries.ts';
import { TimelineTable } from './timeline-table.tsx';

export function TimelinePage() {
  const [values, change] = useUrlState();
  const now = useNow(5_000);
  const stretch = useStretch(values, now);
  const data = useTimeline(values, stretch);
  const [asTable, setTable] = useState(false);
  const go = (share: number) => change(panned(stretch, share), { quiet: true });
  const zoom = (steps: number) => {
    const range = zoomed(stretch, steps);
    if (range !== undefined) change({ range });
  };
  const onKey = (event: KeyboardEvent) => {
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (move === 'now') change({ at: undefined });
    else if ('zoom' in move) zoom(move.zoom);
    else go(move.go);
  };
  const shown = { tasks: data.tasks, runs: data.runs.data?.items ?? [], stretch, now };
  const isFiltered = Boolean(values.q || values.label);
  return (
    <div className="page">
      <h1>Timeline</h1>
      <Controls values={values} stretch={stretch} change={change} go={go} zoom={zoom} />
      <section className="panel" aria-label="Tasks and time">
        <header>
          <span>
            <Time at={new Date(stretch.from).toISOString()} /> – <Time at={new Date(stretch.to).toISOString()} />{' '}
            <span className="muted">in {ownZone}</span>
          </span>
          <button type="button" className="button plain" aria-pressed={asTable} onClick={() => setTable(!asTable)}>
            {asTable ? 'Show as chart' : 'Show as table'}
          </button>
        </header>
        {data.isPending && <Loading what="the timeline" />}
        {data.error && <Failure error={data.error} retry={data.retry} />}
        {data.isEmpty && (
          <Empty title={isFiltered ? 'No task fits these filters' : 'There are no tasks yet'}>
            <p>
              {isFiltered
                ? 'Search looks at ids and names. A label is written name:value.'
                : 'Runs appear here as bars as soon as a task has run, and as rings when they are to come.'}
            </p>
          </Empty>
        )}
        {shown.tasks.length > 0 && (
          <div className={styles.frame}>
            {!asTable && <Chart {...shown} cutAt={data.runs.data?.cutAt ?? null} onKey={onKey} />}
            <TimelineTable {...shown} isHidden={!asTable} />
          </div>
        )}
        {shown.tasks.length > 0 && <Legend />}
      </section>
      {data.hasMoreTasks && (
        <p className="muted">Only the first {mostTasks} tasks that match are shown. Search to see others.</p>
      )}
      {data.runs.data?.cutAt != null && (
        <p className="muted">
          Only the newest {mostRuns.toLocaleString('en')} runs are shown, those since{' '}
          <Time at={new Date(data.runs.data.cutAt).toISOString()} />. Zoom in or filter to see earlier ones.
        </p>
      )}
    </div>
  );
}

/** The stretch of the address; the same object as long as it is the same stretch. */
function useStretch({ range, at }: Values, now: number): Stretch {
  const { from } = stretchOf({ range, at }, now);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `now` counts only where it changes `from`.
  return useMemo(() => stretchOf({ range, at }, now), [range, at, from]);
}

function useTimeline(values: Values, stretch: Stretch) {
  const namespace = useNamespace();
  const isLive = useLive().state !== 'paused';
  const list = useQuery(shownTasksQuery(namespace, values));
  const items = list.data?.items ?? [];
  const ids = items.map(({ id }) => id);
  const runs = useQuery(shownRunsQuery(namespace, ids, stretch, isLive));
  const next = useQueries({ queries: items.map((task) => shownNextQuery(namespace, task, stretch)) });
  const misses = useQueries({ queries: ids.map((id) => shownMissesQuery(namespace, id, isLive)) });
  const all = [list, runs, ...next, ...misses];
  const tasks = items.map(({ id, name }, place) => ({
    ...{ id, name, misses: misses[place]?.data?.items ?? [] },
    ...{ next: next[place]?.data?.items ?? [], isCut: next[place]?.data?.isCut ?? false },
  }));
  return {
    ...{ tasks, runs },
    isPending: list.isPending || (items.length > 0 && runs.isPending),
    isEmpty: list.isSuccess && items.length === 0,
    hasMoreTasks: list.data?.nextCursor != null,
    error: all.find(({ error }) => error !== null)?.error ?? null,
    retry: () => {
      for (const each of all) if (each.error !== null) void each.refetch();
    },
  };
}
