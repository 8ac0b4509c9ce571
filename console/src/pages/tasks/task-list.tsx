/** The rows of the list of tasks. Only those in view are in the page. */

import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import type { Task } from '../../api/client.ts';
import { scheduleText, zoneOf } from '../../tasks/schedule.ts';
import { Go } from '../../ui/go.tsx';
import { Status } from '../../ui/status.tsx';
import { Strip } from '../../ui/strip.tsx';
import { Ago, ownZone, Time } from '../../ui/time.tsx';
import { RowActs } from './row-acts.tsx';
import styles from './tasks.module.css';

const rowHeight = 56;
/** How many rows before the end of what is loaded the next page is asked for. */
const ahead = 40;

type TaskListProps = { tasks: readonly Task[]; hasMore: boolean; onEnd: () => void };

export function TaskList({ tasks, hasMore, onEnd }: TaskListProps) {
  const place = useRef<HTMLDivElement>(null);
  const rows = useWindowVirtualizer({
    count: tasks.length,
    estimateSize: () => rowHeight,
    overscan: 10,
    scrollMargin: place.current?.offsetTop ?? 0,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last >= tasks.length - ahead) onEnd();
  }, [hasMore, last, tasks.length, onEnd]);
  return (
    <>
      <p className="muted" role="status">
        {hasMore ? `The first ${tasks.length} tasks` : tasks.length === 1 ? '1 task' : `${tasks.length} tasks`}
      </p>
      <div ref={place} className={`panel ${styles.list}`}>
        <ul className={styles.rows} style={{ height: rows.getTotalSize() }} aria-label="Tasks">
          {shown.map(({ index, start }) => {
            const task = tasks[index];
            if (task === undefined) return null;
            return (
              <li
                key={task.id}
                className={styles.row}
                aria-setsize={hasMore ? -1 : tasks.length}
                aria-posinset={index + 1}
                style={{ height: rowHeight, transform: `translateY(${start - rows.options.scrollMargin}px)` }}
              >
                <TaskRow task={task} />
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}

function TaskRow({ task }: { task: Task }) {
  const zone = zoneOf(task.schedule);
  return (
    <>
      <div className={styles.who}>
        <Go to="/tasks/$id" params={{ id: task.id }} className={styles.name}>
          {task.name}
        </Go>
        <span className={styles.sub}>
          {task.name !== task.id && <code>{task.id}</code>} <code>{scheduleText(task.schedule)}</code>
        </span>
      </div>
      <div className={styles.state}>
        <Status status={task.status} />
      </div>
      <div className={styles.last}>
        <Strip runs={task.strip ?? []} />
      </div>
      <div className={styles.next}>
        {task.nextRunAt === null ? (
          <span className="muted">–</span>
        ) : (
          <>
            <Ago at={task.nextRunAt} />
            <span className={styles.sub}>
              <Time at={task.nextRunAt} zone={zone} />
              {zone !== ownZone && (
                <>
                  , here <Time at={task.nextRunAt} />
                </>
              )}
            </span>
          </>
        )}
      </div>
      <RowActs task={task} />
    </>
  );
}
