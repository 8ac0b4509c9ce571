/** The home page: what is broken, since when and why; what runs; and how punctual it all is. */

import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useLiveNow } from '../../api/live.tsx';
import { useNamespace } from '../../api/namespace.ts';
import { clusterQuery } from '../../api/queries.ts';
import { RunTable } from '../../runs/run-table.tsx';
import { Go } from '../../ui/go.tsx';
import { Failure, Loading } from '../../ui/states.tsx';
import { durationText } from '../../ui/time.tsx';
import { FirstTask } from '../tasks/first-task.tsx';
import { FailingTasks } from './failing.tsx';
import { Minutes } from './minutes.tsx';
import styles from './now.module.css';
import { anyTaskQuery, type Count, latestQuery, minutesQuery, soonQuery } from './now-queries.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;

export function NowPage() {
  const namespace = useNamespace();
  const now = useLiveNow(15_000);
  const end = Math.floor(now / minuteMs) * minuteMs;
  const tasks = useQuery(anyTaskQuery(namespace));
  const running = useQuery(latestQuery(namespace, { status: ['running', 'retrying'] }, 20));
  const minutes = useQuery(minutesQuery(namespace, now));
  const soon = useQuery(soonQuery(namespace, now));
  const cluster = useQuery(clusterQuery);
  if (tasks.data?.items.length === 0)
    return (
      <div className="page">
        <h1>Now</h1>
        <FirstTask />
      </div>
    );
  const counts = minutes.data?.items ?? [];
  const lastHour = counts.filter(({ at }) => Date.parse(at) >= end - hourMs);
  return (
    <div className="page">
      <h1>Now</h1>
      <FailingTasks since={new Date(end - 24 * hourMs).toISOString()} />
      <ul className={styles.figures}>
        <Figure value={running.data && countText(running.data)}>
          <Go to="/runs" search={{ status: 'running' }}>
            running
          </Go>{' '}
          or about to be tried again
        </Figure>
        <Figure value={soon.data && String(soon.data.buckets.reduce((total, { fires }) => total + fires, 0))}>
          <Go to="/load">due</Go> in the next ten minutes
        </Figure>
        <Figure value={minutes.data && String(Math.round(sum(lastHour, runsOf) / 60))}>
          runs a minute in the last hour
        </Figure>
        <Figure value={minutes.data && latenessText(lastHour)}>
          p99 of lateness in the worst minute of the last hour
        </Figure>
        <Figure value={minutes.data && String(sum(counts, ({ missed }) => missed))}>missed in three hours</Figure>
        <Figure value={cluster.data && String(cluster.data.replicas.length)}>
          <Go to="/cluster">{cluster.data?.replicas.length === 1 ? 'replica' : 'replicas'}</Go> alive
        </Figure>
      </ul>
      {minutes.error ? (
        <Failure error={minutes.error} retry={() => void minutes.refetch()} />
      ) : (
        <Minutes counts={counts} end={end} />
      )}
      <section className="panel" aria-label="Running">
        <header>
          <h2>Running</h2>
          <Go to="/runs">All runs</Go>
        </header>
        {running.isPending && <Loading what="running runs" />}
        {running.error && <Failure error={running.error} retry={() => void running.refetch()} />}
        {running.data?.items.length === 0 && <p className="pad muted">Nothing runs at this moment.</p>}
        {running.data && running.data.items.length > 0 && <RunTable runs={running.data.items} />}
      </section>
    </div>
  );
}

function Figure({ value, children }: { value: string | undefined; children: ReactNode }) {
  return (
    <li className={styles.figure}>
      <strong>{value ?? '…'}</strong>
      <span>{children}</span>
    </li>
  );
}

const runsOf = ({ succeeded, failed, timed_out, lost }: Count) => succeeded + failed + timed_out + lost;

function sum(counts: readonly Count[], of: (count: Count) => number): number {
  return counts.reduce((total, count) => total + of(count), 0);
}

/** The greatest p99 of the minutes: an upper bound of that of all of them. */
function latenessText(counts: readonly Count[]): string {
  const known = counts.flatMap(({ p99LatenessMs }) => (p99LatenessMs === null ? [] : [p99LatenessMs]));
  return known.length === 0 ? '–' : durationText(Math.max(...known));
}

/** How many there are; the list is cut at its limit. */
function countText({ items, nextCursor }: { items: readonly unknown[]; nextCursor: string | null }): string {
  return `${items.length}${nextCursor === null ? '' : '+'}`;
}
