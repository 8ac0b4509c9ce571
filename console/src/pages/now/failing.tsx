/** The tasks that failed lately: since when, how often, why, and whether they have recovered. */

import { useQueries, useQuery } from '@tanstack/react-query';
import type { Run } from '../../api/client.ts';
import { useNamespace } from '../../api/namespace.ts';
import { taskQuery } from '../../api/queries.ts';
import { Go } from '../../ui/go.tsx';
import { Failure, Loading } from '../../ui/states.tsx';
import { Status, toneOf } from '../../ui/status.tsx';
import { Table } from '../../ui/table.tsx';
import { Ago } from '../../ui/time.tsx';
import styles from './now.module.css';
import { byTask, type Failing, latestQuery } from './now-queries.ts';

const problems: readonly Run['status'][] = ['failed', 'timed_out', 'lost'];
/** Failed runs that are looked at. */
const most = 200;
/** Tasks that are shown. */
const mostTasks = 25;

/** `since` is an instant. */
export function FailingTasks({ since }: { since: string }) {
  const namespace = useNamespace();
  const failed = useQuery(latestQuery(namespace, { status: problems, from: since }, most));
  const all = failed.data ? byTask(failed.data.items, failed.data.nextCursor !== null) : [];
  const shown = all.slice(0, mostTasks);
  const found = useQueries({ queries: shown.map(({ taskId }) => ({ ...taskQuery(namespace, taskId), retry: false })) });
  const rows = shown.map((failing, place) => ({ failing, last: found[place]?.data?.task.lastRun?.status ?? null }));
  const isBroken = (last: string | null) => last === null || toneOf(last) !== 'good';
  rows.sort((a, b) => Number(isBroken(b.last)) - Number(isBroken(a.last)));
  const broken = rows.filter(({ last }) => isBroken(last)).length;
  return (
    <section className="panel" aria-label="Failing tasks">
      <header>
        <h2>
          {failed.data && all.length === 0 ? 'Nothing failed in the last 24 hours' : `Failing tasks`}
          {broken > 0 && <span className={styles.count}> {broken}</span>}
        </h2>
        <Go to="/runs" search={{ status: 'problems' }}>
          All failed runs
        </Go>
      </header>
      {failed.isPending && <Loading what="failed runs" />}
      {failed.error && <Failure error={failed.error} retry={() => void failed.refetch()} />}
      {rows.length > 0 && (
        <Table columns={['Task', 'Last run', 'Failed since', { number: 'Failures' }, 'Why']}>
          {rows.map(({ failing, last }) => (
            <FailingRow key={failing.taskId} failing={failing} last={last} />
          ))}
        </Table>
      )}
      {all.length > mostTasks && <p className="pad muted">and {all.length - mostTasks} more tasks</p>}
    </section>
  );
}

function FailingRow({ failing, last }: { failing: Failing; last: string | null }) {
  const { taskId, latest, earliest, failures, isCut } = failing;
  return (
    <tr>
      <td>
        <Go to="/tasks/$id" params={{ id: taskId }}>
          {taskId}
        </Go>
      </td>
      <td>
        <Status status={last ?? latest.status} />
      </td>
      <td className="nowrap">
        <Ago at={earliest.scheduledFor} />
      </td>
      <td className="number">
        {failures}
        {isCut && '+'}
      </td>
      <td className="break">
        <Go to="/runs/$id" params={{ id: latest.id }}>
          {latest.reason ?? latest.error?.message ?? 'see the run'}
        </Go>
      </td>
    </tr>
  );
}
