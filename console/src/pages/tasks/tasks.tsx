/** The page Tasks: a list of any length, searched as one types, with acts on one task or on all that fit the filter. */

import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useNamespace } from '../../api/namespace.ts';
import { useMay } from '../../api/session.ts';
import { Go } from '../../ui/go.tsx';
import { Empty, Failure, Loading } from '../../ui/states.tsx';
import { useUrlState } from '../../ui/url-state.ts';
import { BulkActs } from './bulk.tsx';
import { readFilters, tasksQuery } from './filters.ts';
import { FirstTask } from './first-task.tsx';
import { TaskList } from './task-list.tsx';
import styles from './tasks.module.css';

/** How long one has to pause in typing before the service is asked, in milliseconds. */
const pauseMs = 200;

export function TasksPage() {
  const namespace = useNamespace();
  const [values, change] = useUrlState();
  const mayCreate = useMay('admin');
  const filters = readFilters(values);
  const tasks = useInfiniteQuery(tasksQuery(namespace, filters));
  const items = tasks.data?.pages.flatMap((page) => page.items) ?? [];
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <div className="page">
      <header className="spread">
        <h1>Tasks</h1>
        <div className="row">
          <BulkActs filters={filters} />
          {mayCreate && (
            <Go to="/new" className="button primary">
              New task
            </Go>
          )}
        </div>
      </header>
      <form className="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <Search q={values.q ?? ''} onChange={(q) => change({ q: q || undefined }, { quiet: true })} />
        <label>
          Status
          <select value={values.status ?? ''} onChange={(event) => change({ status: event.target.value || undefined })}>
            <option value="">any</option>
            <option>active</option>
            <option>stopped</option>
            <option>completed</option>
          </select>
        </label>
        <label>
          Label
          <input
            placeholder="team:billing"
            value={values.label ?? ''}
            onChange={(event) => change({ label: event.target.value || undefined }, { quiet: true })}
          />
        </label>
        {isFiltered && (
          <button
            type="button"
            className="button plain"
            onClick={() => change({ q: undefined, status: undefined, label: undefined })}
          >
            Clear filters
          </button>
        )}
      </form>
      {tasks.isPending && <Loading what="tasks" />}
      {tasks.error && <Failure error={tasks.error} retry={() => void tasks.refetch()} />}
      {tasks.isSuccess && items.length === 0 && !isFiltered && <FirstTask />}
      {tasks.isSuccess && items.length === 0 && isFiltered && (
        <Empty title="No task fits these filters">
          <p>Search looks at ids and names. A label is written name:value.</p>
        </Empty>
      )}
      {items.length > 0 && (
        <TaskList
          tasks={items}
          hasMore={tasks.hasNextPage}
          onEnd={() => {
            if (tasks.hasNextPage && !tasks.isFetchingNextPage) void tasks.fetchNextPage();
          }}
        />
      )}
    </div>
  );
}

/** The address follows what is typed after a short pause. */
function Search({ q, onChange }: { q: string; onChange: (q: string) => void }) {
  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  useEffect(() => {
    if (text === q) return;
    const timer = window.setTimeout(() => onChange(text), pauseMs);
    return () => window.clearTimeout(timer);
  }, [text, q, onChange]);
  return (
    <label className={styles.search}>
      Search
      <input type="search" placeholder="id or name" value={text} onChange={(event) => setText(event.target.value)} />
    </label>
  );
}
