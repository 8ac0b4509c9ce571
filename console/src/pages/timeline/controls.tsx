/** What the timeline is steered by: filters, range, steps to the side; and what its marks mean. */

import type { useUrlState, Values } from '../../ui/url-state.ts';
import { type Range, ranges, type Stretch } from './range.ts';
import styles from './timeline.module.css';

const names: Record<Range, string> = { hour: '1 hour', '6h': '6 hours', day: 'Day', week: 'Week' };

type ControlsProps = {
  values: Values;
  stretch: Stretch;
  change: ReturnType<typeof useUrlState>[1];
  go: (share: number) => void;
  zoom: (steps: number) => void;
};

export function Controls({ values, stretch: { range, at }, change, go, zoom }: ControlsProps) {
  return (
    <form className="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label className={styles.search}>
        Search
        <input
          type="search"
          placeholder="id or name"
          value={values.q ?? ''}
          onChange={(event) => change({ q: event.target.value || undefined }, { quiet: true })}
        />
      </label>
      <label className={styles.search}>
        Label
        <input
          placeholder="team:billing"
          value={values.label ?? ''}
          onChange={(event) => change({ label: event.target.value || undefined }, { quiet: true })}
        />
      </label>
      <label>
        Range
        <select value={range} onChange={(event) => change({ range: event.target.value })}>
          {ranges.map((each) => (
            <option key={each} value={each}>
              {names[each]}
            </option>
          ))}
        </select>
      </label>
      <fieldset className={styles.steps}>
        <legend className="visually-hidden">Go along the timeline</legend>
        <button type="button" className="button" aria-label="Earlier" onClick={() => go(-1 / 2)}>
          ←
        </button>
        <button type="button" className="button" disabled={at === null} onClick={() => change({ at: undefined })}>
          Around now
        </button>
        <button type="button" className="button" aria-label="Later" onClick={() => go(1 / 2)}>
          →
        </button>
        <button
          type="button"
          className="button"
          aria-label="Zoom in"
          disabled={range === ranges[0]}
          onClick={() => zoom(-1)}
        >
          +
        </button>
        <button
          type="button"
          className="button"
          aria-label="Zoom out"
          disabled={range === ranges.at(-1)}
          onClick={() => zoom(1)}
        >
          −
        </button>
      </fieldset>
    </form>
  );
}

const marks = [
  ['good', 8, 'succeeded'],
  ['bad', 14, 'failed, timed out or lost'],
  ['warn', 11, 'retrying or skipped'],
  ['busy', 10, 'running'],
  ['idle', 4, 'pending or cancelled'],
] as const;

export function Legend() {
  return (
    <ul className={styles.legend} aria-label="What the marks mean">
      {marks.map(([tone, height, words]) => (
        <li key={tone}>
          <svg width="16" height="16" className={`${styles.run} ${styles[tone]}`} aria-hidden="true">
            <rect x="1" y={8 - height / 2} width="14" height={height} rx="1" />
          </svg>
          {words}
        </li>
      ))}
      <li>
        <svg width="16" height="16" aria-hidden="true">
          <rect x="1" y="1" width="14" height="14" className={styles.miss} />
          <path d="M1 15 L15 1 M1 8 L8 1 M8 15 L15 8" className={styles.missHatch} />
        </svg>
        missed
      </li>
      <li>
        <svg width="16" height="16" className={styles.next} aria-hidden="true">
          <rect x="4" y="4" width="8" height="8" rx="4" />
        </svg>
        due
      </li>
    </ul>
  );
}
