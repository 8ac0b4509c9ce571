/** The fires of each minute as a map of hours and minutes, the number of the minute that is looked at below it. */

import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { ownZone, utcText, zonedText } from '../../ui/time.tsx';
import { type HeatRow, levelOf, scaleOf, stepped } from './heat.ts';
import styles from './load.module.css';

const rowHeight = 16;
const marks = [0, 10, 20, 30, 40, 50];

export function HeatMap({ rows, most, now }: { rows: readonly HeatRow[]; most: number; now: number }) {
  const [place, setPlace] = useState<{ row: number; minute: number } | null>(null);
  const row = place === null ? undefined : rows[place.row];
  const fires = place === null ? undefined : row?.minutes[place.minute];
  const at = row === undefined || place === null ? null : new Date(row.start + place.minute * 60_000).toISOString();
  const onKey = (event: KeyboardEvent) => {
    if (!event.key.startsWith('Arrow')) return;
    event.preventDefault();
    setPlace(place === null ? { row: 0, minute: 0 } : stepped(place, event.key, rows.length));
  };
  const onPointer = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    const minute = Math.floor(((event.clientX - box.left) / box.width) * 60);
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows.length);
    setPlace({ row: Math.min(rows.length - 1, Math.max(0, row)), minute: Math.min(59, Math.max(0, minute)) });
  };
  return (
    <>
      <section
        className={styles.map}
        aria-label="Fires per minute: arrow keys go from minute to minute"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys go along the map.
        tabIndex={0}
        onKeyDown={onKey}
        onFocus={() =>
          setPlace(place ?? { row: 0, minute: Math.max(0, rows[0]?.minutes.findIndex((n) => n !== null) ?? 0) })
        }
      >
        <ul className={styles.hours} aria-hidden="true">
          {rows.map(({ start }) => (
            <li key={start}>{zonedText(new Date(start).toISOString(), ownZone, start).slice(0, 5)}</li>
          ))}
        </ul>
        <div className={styles.minutes}>
          <div className={styles.marks} aria-hidden="true">
            {marks.map((minute) => (
              <span key={minute}>:{String(minute).padStart(2, '0')}</span>
            ))}
          </div>
          <svg
            className={styles.cells}
            viewBox={`0 0 60 ${rows.length}`}
            height={rows.length * rowHeight}
            preserveAspectRatio="none"
            aria-hidden="true"
            onPointerMove={onPointer}
          >
            {rows.map(({ start, minutes }, y) =>
              minutes.map((fires, x) =>
                fires === null ? null : (
                  <rect
                    // biome-ignore lint/suspicious/noArrayIndexKey: a minute is its place.
                    key={start + x}
                    {...{ x: x + 0.05, y: y + 0.05, width: 0.9, height: 0.9 }}
                    className={styles[`level${levelOf(fires, most)}`]}
                  />
                ),
              ),
            )}
            {place !== null && <rect x={place.minute} y={place.row} width={1} height={1} className={styles.looked} />}
          </svg>
        </div>
      </section>
      <div className={styles.foot}>
        <p role="status">
          {at === null || fires === undefined || fires === null ? (
            <span className="muted">Point at a minute, or go along with the arrow keys.</span>
          ) : (
            <>
              <strong>{fires.toLocaleString('en')}</strong> at {zonedText(at, ownZone, now)}{' '}
              <span className="muted">({utcText(at).replace('.000', '')})</span>
            </>
          )}
        </p>
        <ul className={styles.legend} aria-label="Fires per minute by depth of colour">
          {[{ level: 0, least: 0 }, ...scaleOf(most)].map(({ level, least }, place, all) => (
            <li key={level}>
              <svg width="12" height="12" aria-hidden="true">
                <rect width="12" height="12" className={styles[`level${level}`]} />
              </svg>
              {rangeText(least, (all[place + 1]?.least ?? most + 1) - 1)}
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

function rangeText(least: number, most: number): string {
  return least >= most ? least.toLocaleString('en') : `${least.toLocaleString('en')}–${most.toLocaleString('en')}`;
}
