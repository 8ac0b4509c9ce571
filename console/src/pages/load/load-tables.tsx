/** The load in words: the minutes in which something is due, the fullest ones, and the groups. */

import type { Schemas } from '../../api/client.ts';
import { Go } from '../../ui/go.tsx';
import { Time } from '../../ui/time.tsx';
import type { HeatRow } from './heat.ts';
import styles from './load.module.css';

/** `isHidden`: for screen readers alone, beside the map. */
export function MinuteTable({ rows, isHidden }: { rows: readonly HeatRow[]; isHidden: boolean }) {
  const minutes = rows.flatMap(({ start, minutes }) =>
    minutes.flatMap((fires, minute) => (fires ? [{ at: new Date(start + minute * 60_000).toISOString(), fires }] : [])),
  );
  return (
    <section
      className={isHidden ? 'visually-hidden' : styles.table}
      aria-label="Fires per minute as a table"
      tabIndex={isHidden ? -1 : 0}
    >
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Minute</th>
            <th scope="col" className="number">
              Fires
            </th>
          </tr>
        </thead>
        <tbody>
          {minutes.map(({ at, fires }) => (
            <tr key={at}>
              <td className="nowrap">
                <Time at={at} />
              </td>
              <td className="number">{fires.toLocaleString('en')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Peaks({ peaks }: { peaks: readonly Schemas['ForecastPeak'][] }) {
  return (
    <section className="panel" aria-label="The fullest minutes">
      <header>
        <h2>The fullest minutes</h2>
        <span className="muted">of all tasks</span>
      </header>
      <div className="scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Minute</th>
              <th scope="col" className="number">
                Fires
              </th>
              <th scope="col">Most by</th>
            </tr>
          </thead>
          <tbody>
            {peaks.map(({ at, fires, top }) => (
              <tr key={at}>
                <td className="nowrap">
                  <Time at={at} />
                </td>
                <td className="number">{fires.toLocaleString('en')}</td>
                <td className="break">
                  <ul className={styles.top}>
                    {top.map(({ task, fires }) => (
                      <li key={task}>
                        <Go to="/tasks/$id" params={{ id: task }}>
                          {task}
                        </Go>
                        {fires > 1 && <span className="muted"> {fires.toLocaleString('en')} times</span>}
                      </li>
                    ))}
                  </ul>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

type KeysProps = {
  totals: readonly { key: string | null; fires: number }[];
  /** The key with a `=` before it: the key of tasks without the label is the empty one. */
  chosen: string | undefined;
  onChoose: (key: string | undefined) => void;
};

export function Keys({ totals, chosen, onChoose }: KeysProps) {
  return (
    <section className="panel" aria-label="Groups">
      <header>
        <h2>Groups</h2>
        {chosen !== undefined && (
          <button type="button" className="button plain" onClick={() => onChoose(undefined)}>
            Show all
          </button>
        )}
      </header>
      <div className="scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col" className="number">
                Fires
              </th>
              <th scope="col">
                <span className="visually-hidden">Acts</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {totals.slice(0, 50).map(({ key, fires }) => (
              <tr key={`=${key ?? ''}`}>
                <td className="break">{key ?? 'without it'}</td>
                <td className="number">{fires.toLocaleString('en')}</td>
                <td>
                  <button
                    type="button"
                    className="button"
                    aria-pressed={chosen === `=${key ?? ''}`}
                    aria-label={`Show alone: ${key ?? 'tasks without it'}`}
                    onClick={() => onChoose(`=${key ?? ''}`)}
                  >
                    Show alone
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {totals.length > 50 && <p className="pad muted">Only the 50 fullest of {totals.length} groups are shown.</p>}
    </section>
  );
}
