/** Runs per minute as bars, what failed at the foot of each. The table beside it says the same in words. */

import { useState } from 'react';
import { ownZone, useNow, zonedText } from '../../ui/time.tsx';
import styles from './now.module.css';
import { type Count, chartMinutes } from './now-queries.ts';

const height = 64;
const width = 4;

const badOf = ({ failed, timed_out, lost, missed }: Count) => failed + timed_out + lost + missed;
const allOf = (count: Count) => badOf(count) + count.succeeded + count.cancelled + count.skipped;

/** `counts` of minutes in any order; minutes without runs may be absent. `end` is the end of the last minute. */
export function Minutes({ counts, end }: { counts: readonly Count[]; end: number }) {
  const now = useNow(60_000);
  const [asTable, setTable] = useState(false);
  const byMinute = new Map(counts.map((count) => [Date.parse(count.at), count]));
  const most = Math.max(1, ...counts.map(allOf));
  const first = end - chartMinutes * 60_000;
  return (
    <section className="panel" aria-label="Runs per minute">
      <header>
        <h2>Runs per minute</h2>
        <button type="button" className="button plain" aria-pressed={asTable} onClick={() => setTable(!asTable)}>
          {asTable ? 'Show as chart' : 'Show as table'}
        </button>
      </header>
      {asTable ? (
        <Table counts={counts} />
      ) : (
        <figure className={styles.chart}>
          <svg
            className={styles.bars}
            viewBox={`0 0 ${chartMinutes * width} ${height}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`Runs per minute of the last three hours, at most ${most}`}
          >
            {Array.from({ length: chartMinutes }, (_, place) => first + place * 60_000).map((at, place) => {
              const count = byMinute.get(at);
              if (count === undefined) return null;
              const bad = (badOf(count) / most) * height;
              const whole = (allOf(count) / most) * height;
              return (
                <g key={at}>
                  <title>{`${zonedText(count.at, ownZone, now)}: ${allOf(count)} runs, ${badOf(count)} failed or missed`}</title>
                  <rect
                    x={place * width}
                    y={height - whole}
                    width={width - 1}
                    height={whole - bad}
                    className={styles.good}
                  />
                  <rect x={place * width} y={height - bad} width={width - 1} height={bad} className={styles.bad} />
                </g>
              );
            })}
          </svg>
          <figcaption className={styles.axis}>
            <span>3 h ago</span>
            <span>at most {most} a minute; failed and missed at the foot</span>
            <span>now</span>
          </figcaption>
        </figure>
      )}
    </section>
  );
}

function Table({ counts }: { counts: readonly Count[] }) {
  const now = useNow(60_000);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keyboard.
    <section className={styles.table} tabIndex={0} aria-label="Runs per minute as a table">
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Minute</th>
            <th scope="col" className="number">
              Runs
            </th>
            <th scope="col" className="number">
              Failed
            </th>
            <th scope="col" className="number">
              Missed
            </th>
          </tr>
        </thead>
        <tbody>
          {[...counts].reverse().map((count) => (
            <tr key={count.at}>
              <td>{zonedText(count.at, ownZone, now)}</td>
              <td className="number">{allOf(count)}</td>
              <td className="number">{badOf(count) - count.missed}</td>
              <td className="number">{count.missed}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
