/** The home page: what is broken, what runs, what comes, and how punctual it all is. */

import { useQuery } from '@tanstack/react-query';
import { useNamespace } from '../../api/namespace.ts';
import { clusterQuery } from '../../api/queries.ts';
import { RunTable } from '../../runs/run-table.tsx';
import { Go } from '../../ui/go.tsx';
import { Failure, Loading } from '../../ui/states.tsx';
import { FirstTask } from '../tasks/first-task.tsx';
import styles from './now.module.css';
import { anyTaskQuery, latestQuery } from './now-queries.ts';

const problems = ['failed', 'timed_out', 'lost'] as const;
const dayMs = 24 * 3_600_000;

export function NowPage() {
  const namespace = useNamespace();
  const since = new Date(Math.floor(Date.now() / 60_000) * 60_000 - dayMs).toISOString();
  const tasks = useQuery(anyTaskQuery(namespace));
  const running = useQuery(latestQuery(namespace, { status: ['running', 'retrying'] }));
  const failed = useQuery(latestQuery(namespace, { status: problems, from: since }));
  const cluster = useQuery(clusterQuery);
  if (tasks.data?.items.length === 0)
    return (
      <div className="page">
        <h1>Now</h1>
        <FirstTask />
      </div>
    );
  return (
    <div className="page">
      <h1>Now</h1>
      <ul className={styles.figures}>
        <li className={styles.figure}>
          <strong>{failed.data === undefined ? '…' : countText(failed.data)}</strong>
          <span>failed in the last 24 hours</span>
        </li>
        <li className={styles.figure}>
          <strong>{running.data === undefined ? '…' : countText(running.data)}</strong>
          <span>running or waiting to be tried again</span>
        </li>
        <li className={styles.figure}>
          <strong>{cluster.data?.replicas.length ?? '…'}</strong>
          <span>
            <Go to="/cluster">replicas</Go> alive
          </span>
        </li>
      </ul>
      <section className="panel" aria-label="Failed">
        <header>
          <h2>Failed lately</h2>
          <Go to="/runs" search={{ status: 'problems' }}>
            All failed runs
          </Go>
        </header>
        {failed.isPending && <Loading what="failed runs" />}
        {failed.error && <Failure error={failed.error} retry={() => void failed.refetch()} />}
        {failed.data?.items.length === 0 && <p className="pad muted">Nothing failed in the last 24 hours.</p>}
        {failed.data && failed.data.items.length > 0 && <RunTable runs={failed.data.items} />}
      </section>
      <section className="panel" aria-label="Running">
        <header>
          <h2>Running</h2>
          <Go to="/runs" search={{ status: 'running' }}>
            All running
          </Go>
        </header>
        {running.isPending && <Loading what="running runs" />}
        {running.error && <Failure error={running.error} retry={() => void running.refetch()} />}
        {running.data?.items.length === 0 && <p className="pad muted">Nothing runs at this moment.</p>}
        {running.data && running.data.items.length > 0 && <RunTable runs={running.data.items} />}
      </section>
    </div>
  );
}

/** How many there are; the list is cut at its limit. */
function countText({ items, nextCursor }: { items: readonly unknown[]; nextCursor: string | null }): string {
  return `${items.length}${nextCursor === null ? '' : '+'}`;
}
