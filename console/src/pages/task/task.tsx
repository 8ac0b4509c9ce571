/** The page of one task: its state, what comes next, its runs, misses and events, and its definition. */

import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import type { Task } from '../../api/client.ts';
import { useNamespace } from '../../api/namespace.ts';
import { taskQuery } from '../../api/queries.ts';
import { TaskActs } from '../../tasks/acts.tsx';
import { scheduleText, zoneOf } from '../../tasks/schedule.ts';
import { Failure, Loading } from '../../ui/states.tsx';
import { Status } from '../../ui/status.tsx';
import { Ago, ownZone, Time } from '../../ui/time.tsx';
import { useUrlState } from '../../ui/url-state.ts';
import { Backfill } from './backfill.tsx';
import { Definition } from './definition.tsx';
import { Events, Misses } from './history.tsx';
import { TaskRuns } from './runs.tsx';
import styles from './task.module.css';
import { Upcoming } from './upcoming.tsx';

const tabs = [
  ['runs', 'Runs'],
  ['upcoming', 'Upcoming'],
  ['misses', 'Misses'],
  ['events', 'Events'],
  ['definition', 'Definition'],
] as const;

export function TaskPage() {
  const { id = '' } = useParams({ strict: false }) as { id?: string };
  const namespace = useNamespace();
  const found = useQuery(taskQuery(namespace, id));
  if (found.isPending) return <Loading what="the task" />;
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  return <OneTask task={found.data.task} />;
}

function OneTask({ task }: { task: Task }) {
  const [{ tab = 'runs' }, change] = useUrlState();
  const zone = zoneOf(task.schedule);
  return (
    <div className="page">
      <header className="spread">
        <div className={styles.title}>
          <h1>{task.name}</h1>
          <Status status={task.status} />
          {task.name !== task.id && <code className="muted">{task.id}</code>}
        </div>
        <TaskActs task={task} />
      </header>
      {task.description && <p>{task.description}</p>}
      <section className="panel" aria-label="State">
        <dl className="facts">
          <dt>Schedule</dt>
          <dd>
            <code>{scheduleText(task.schedule)}</code>
          </dd>
          <dt>Next run</dt>
          <dd>
            {task.nextRunAt === null ? (
              <NoNext status={task.status} />
            ) : (
              <>
                <Ago at={task.nextRunAt} />, <Time at={task.nextRunAt} zone={zone} />
                {zone !== ownZone && (
                  <>
                    , here <Time at={task.nextRunAt} />
                  </>
                )}
              </>
            )}
          </dd>
          <dt>Last run</dt>
          <dd>
            {task.lastRun === null ? (
              'none yet'
            ) : (
              <>
                <Status status={task.lastRun.status} />{' '}
                <Ago at={task.lastRun.finishedAt ?? task.lastRun.scheduledFor} />
              </>
            )}
          </dd>
          {Object.keys(task.labels).length > 0 && (
            <>
              <dt>Labels</dt>
              <dd className="row">
                {Object.entries(task.labels).map(([name, value]) => (
                  <code key={name} className={styles.label}>
                    {name}:{value}
                  </code>
                ))}
              </dd>
            </>
          )}
        </dl>
      </section>
      <nav className={styles.tabs} aria-label="Parts of this task">
        {tabs.map(([value, text]) => (
          <button
            key={value}
            type="button"
            aria-current={tab === value ? 'true' : undefined}
            className={styles.tab}
            onClick={() => change({ tab: value === 'runs' ? undefined : value })}
          >
            {text}
          </button>
        ))}
      </nav>
      {tab === 'runs' && <TaskRuns id={task.id} />}
      {tab === 'upcoming' && (
        <>
          <Upcoming task={task} />
          <Backfill task={task} />
        </>
      )}
      {tab === 'misses' && <Misses id={task.id} />}
      {tab === 'events' && <Events id={task.id} />}
      {tab === 'definition' && <Definition task={task} />}
    </div>
  );
}

function NoNext({ status }: Pick<Task, 'status'>) {
  if (status === 'stopped') return <>none while it is stopped</>;
  if (status === 'completed') return <>none: nothing is left to come</>;
  return <>none: it runs when it is triggered</>;
}
