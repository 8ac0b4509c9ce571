/** The timeline in words: what the drawing shows, in the order of time. Screen readers get it beside the drawing. */

import { Go } from '../../ui/go.tsx';
import { Status } from '../../ui/status.tsx';
import { durationText, Time } from '../../ui/time.tsx';
import type { TimelineRun, TimelineTask } from './layout.ts';
import type { Stretch } from './range.ts';
import styles from './timeline.module.css';

type Line = {
  key: string;
  at: string;
  taskId: string;
  status: string;
  lasted: number | null;
  run?: string;
  note?: string;
};

type TableProps = {
  tasks: readonly TimelineTask[];
  runs: readonly TimelineRun[];
  stretch: Stretch;
  now: number;
  /** For screen readers alone, beside the drawing. */
  isHidden: boolean;
};

export function TimelineTable({ tasks, runs, stretch, now, isHidden }: TableProps) {
  const lines = linesOf(tasks, runs, stretch, now);
  const cut = tasks.filter(({ isCut }) => isCut);
  return (
    <section
      className={isHidden ? 'visually-hidden' : styles.table}
      aria-label="Timeline as a table"
      tabIndex={isHidden ? -1 : 0}
    >
      {cut.length > 0 && (
        <p className="pad muted">More instants follow than are shown: {cut.map(({ id }) => id).join(', ')}.</p>
      )}
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Task</th>
            <th scope="col">Status</th>
            <th scope="col" className="number">
              Took
            </th>
            <th scope="col">Note</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ key, at, taskId, status, lasted, run, note }) => (
            <tr key={key}>
              <td className="nowrap">
                {run === undefined ? (
                  <Time at={at} />
                ) : (
                  <Go to="/runs/$id" params={{ id: run }} tabIndex={isHidden ? -1 : undefined}>
                    <Time at={at} />
                  </Go>
                )}
              </td>
              <td className="break">
                <Go to="/tasks/$id" params={{ id: taskId }} tabIndex={isHidden ? -1 : undefined}>
                  {taskId}
                </Go>
              </td>
              <td>
                <Status status={status} />
              </td>
              <td className="number">{durationText(lasted)}</td>
              <td>{note}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function linesOf(
  tasks: readonly TimelineTask[],
  runs: readonly TimelineRun[],
  { from, to }: Stretch,
  now: number,
): Line[] {
  const isShown = new Set(tasks.map(({ id }) => id));
  const past = runs
    .filter(({ taskId }) => isShown.has(taskId))
    .map(({ id, taskId, status, scheduledFor, startedAt, finishedAt }): Line => {
      const lasted = startedAt === null ? null : (finishedAt ? Date.parse(finishedAt) : now) - Date.parse(startedAt);
      return { key: id, at: startedAt ?? scheduledFor, taskId, status, lasted, run: id };
    });
  const others = tasks.flatMap(({ id, misses, next }): Line[] => [
    ...misses.map(({ from, count, reason }) => {
      const note = `${count} missed: ${reason}`;
      return { key: `${id} ${from}`, at: from, taskId: id, status: 'missed', lasted: null, note };
    }),
    ...next.map((at) => ({ key: `${id} ${at}`, at, taskId: id, status: 'due', lasted: null })),
  ]);
  return [...past, ...others]
    .filter(({ at }) => Date.parse(at) >= from && Date.parse(at) < to)
    .sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}
