/** The drawing of the timeline. Height and shape tell what colour tells; the table beside it says the same in words. */

import { type KeyboardEvent, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { Go } from '../../ui/go.tsx';
import { toneOf, wordOf } from '../../ui/status.tsx';
import { durationText, ownZone, utcText, zonedText } from '../../ui/time.tsx';
import { type Bar, laneHeight, type Row, rowsOf, type TimelineRun, type TimelineTask, xOf } from './layout.ts';
import type { Stretch } from './range.ts';
import { ticksOf } from './ticks.ts';
import styles from './timeline.module.css';

const axisHeight = 28;
const leastWidth = 480;
/** The heights of the bars by tone: what failed is the tallest. */
const heights = { good: 8, bad: 14, warn: 11, idle: 4, busy: 10 };

type ChartProps = {
  tasks: readonly TimelineTask[];
  runs: readonly TimelineRun[];
  stretch: Stretch;
  now: number;
  /** Runs before this instant were not read. */
  cutAt: number | null;
  onKey: (event: KeyboardEvent) => void;
};

export function Chart({ tasks, runs, stretch, now, cutAt, onKey }: ChartProps) {
  const [plot, width] = useWidth();
  const frame = { from: stretch.from, to: stretch.to, now, width };
  const rows = rowsOf(tasks, runs, frame);
  const ticks = useMemo(() => ticksOf(stretch, ownZone), [stretch]);
  const height = axisHeight + rows.reduce((sum, row) => sum + row.height, 0);
  const nowX = xOf(now, frame);
  const unread = cutAt === null ? 0 : Math.max(0, xOf(cutAt, frame));
  return (
    <section
      className={styles.chart}
      aria-label="Timeline: arrow keys go along it, plus and minus come nearer and go farther, 0 goes to now"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keyboard.
      tabIndex={0}
      onKeyDown={onKey}
    >
      <ul className={styles.names}>
        {rows.map(({ task, height, overlapping }) => (
          <li key={task.id} style={{ height }}>
            <Go to="/tasks/$id" params={{ id: task.id }} title={task.name}>
              {task.name}
            </Go>
            {overlapping > 0 && <span className={styles.overlaps}>{overlapping} overlap</span>}
          </li>
        ))}
      </ul>
      <div className={styles.plot} ref={plot}>
        <svg className={styles.drawing} width={width} height={height} aria-hidden="true">
          <defs>
            <pattern id="unread" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <line y2="6" className={styles.hatch} />
            </pattern>
            <pattern id="missed" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <line y2="4" className={styles.missHatch} />
            </pattern>
          </defs>
          {ticks.map(({ at, label, isDay }) => (
            <g key={at}>
              <title>{utcText(new Date(at).toISOString())}</title>
              <line
                x1={xOf(at, frame)}
                x2={xOf(at, frame)}
                y1={20}
                y2={height}
                className={isDay ? styles.day : styles.tick}
              />
              <text
                visibility={xOf(at, frame) > width - 40 ? 'hidden' : undefined}
                x={xOf(at, frame) + 4}
                y={16}
                className={isDay ? styles.dayLabel : styles.label}
              >
                {label}
              </text>
            </g>
          ))}
          {unread > 0 && (
            <rect y={axisHeight} width={unread} height={height - axisHeight} fill="url(#unread)">
              <title>Runs of this time are not shown: there are too many</title>
            </rect>
          )}
          {rows.map((row) => (
            <RowMarks key={row.task.id} row={row} width={width} now={now} />
          ))}
          {nowX >= 0 && nowX <= width && (
            <g>
              <line x1={nowX} x2={nowX} y1={20} y2={height} className={styles.now} />
              <path d={`M${nowX - 5} 20 h10 l-5 7 z`} className={styles.nowMark} />
            </g>
          )}
        </svg>
      </div>
    </section>
  );
}

function RowMarks({ row, width, now }: { row: Row; width: number; now: number }) {
  const { task, height, bars, misses, next, moreFrom } = row;
  const params = { id: task.id };
  const middle = height / 2;
  return (
    <g transform={`translate(0 ${axisHeight + row.top})`}>
      <line x2={width} y1={height} y2={height} className={styles.rule} />
      {misses.map(({ x, width: wide, miss }) => (
        <Go key={miss.from} to="/tasks/$id" params={params} search={{ tab: 'misses' }} tabIndex={-1}>
          <title>{`${miss.count} missed from ${zonedText(miss.from, ownZone, now)} (${utcText(miss.from)}): ${miss.reason}`}</title>
          <rect x={x} y={3} width={wide} height={height - 6} className={styles.miss} fill="url(#missed)" />
        </Go>
      ))}
      {next.map(({ x, width: wide, first, last, count }) => (
        <Go key={first} to="/tasks/$id" params={params} tabIndex={-1} className={styles.next}>
          <title>
            {`${count === 1 ? 'due' : `${count} times due from`} ${zonedText(first, ownZone, now)} (${utcText(first)})`}
            {count > 1 && ` to ${zonedText(last, ownZone, now)}`}
          </title>
          <rect x={x - 4} y={middle - 4} width={wide + 8} height={8} rx={4} />
        </Go>
      ))}
      {bars.map((bar) => (
        <RunBar key={bar.run.id} bar={bar} now={now} />
      ))}
      {moreFrom !== null && (
        <line x1={moreFrom + 8} x2={width} y1={middle} y2={middle} className={styles.more}>
          <title>More instants follow than are shown</title>
        </line>
      )}
    </g>
  );
}

function RunBar({ bar: { run, x, width, lane, waited }, now }: { bar: Bar; now: number }) {
  const tone = toneOf(run.status);
  const middle = 6 + lane * laneHeight + laneHeight / 2;
  const start = run.startedAt ?? run.scheduledFor;
  const lasted = run.startedAt && run.finishedAt ? Date.parse(run.finishedAt) - Date.parse(run.startedAt) : null;
  return (
    <Go
      to="/runs/$id"
      params={{ id: run.id }}
      tabIndex={-1}
      className={`${styles.run} ${styles[tone]}`}
      data-run={run.id}
    >
      <title>
        {`${wordOf(run.status)}, ${zonedText(start, ownZone, now)} (${utcText(start)})`}
        {lasted !== null && `, took ${durationText(lasted)}`}
      </title>
      {waited && <line x1={waited.x} x2={waited.x + waited.width} y1={middle} y2={middle} className={styles.waited} />}
      <rect x={x} y={middle - heights[tone] / 2} width={width} height={heights[tone]} rx={1} />
    </Go>
  );
}

/** The width of an element, kept up to date. */
function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(960);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = () => setWidth(Math.max(leastWidth, Math.floor(element.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}
