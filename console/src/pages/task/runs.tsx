/** The runs of a task, with the strip of the last twenty above them. */

import { useInfiniteQuery } from '@tanstack/react-query';
import { useNamespace } from '../../api/namespace.ts';
import { runsQuery } from '../../api/queries.ts';
import { RunTable } from '../../runs/run-table.tsx';
import { Empty, Failure, Loading } from '../../ui/states.tsx';
import { Strip } from '../../ui/strip.tsx';
import styles from './task.module.css';

const inStrip = 20;

export function TaskRuns({ id }: { id: string }) {
  const runs = useInfiniteQuery(runsQuery(useNamespace(), { task: id }, 25));
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="panel" aria-label="Runs">
      <header>
        <h2>Runs</h2>
        <span className={styles.strip}>
          <span className="muted">last {Math.min(items.length, inStrip)}</span>
          <Strip runs={items.slice(0, inStrip).reverse()} />
        </span>
      </header>
      {runs.isPending && <Loading what="runs" />}
      {runs.error && <Failure error={runs.error} retry={() => void runs.refetch()} />}
      {runs.isSuccess && items.length === 0 && (
        <Empty title="It has not run yet">
          <p>Trigger it to see at once whether its target answers.</p>
        </Empty>
      )}
      {items.length > 0 && <RunTable runs={items} hidesTask />}
      {runs.hasNextPage && (
        <p className="pad">
          <button type="button" className="button" onClick={() => void runs.fetchNextPage()}>
            Load older runs
          </button>
        </p>
      )}
    </section>
  );
}
