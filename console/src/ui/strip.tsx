/** The last runs of a task as a strip of marks, the newest at the right. Height and shape tell what colour tells. */

import { Go } from './go.tsx';
import { toneOf, wordOf } from './status.tsx';
import styles from './strip.module.css';
import { utcText } from './time.tsx';

export type StripRun = { id: string; status: string; scheduledFor: string };

/** `runs` with the newest last. */
export function Strip({ runs }: { runs: readonly StripRun[] }) {
  const failed = runs.filter(({ status }) => toneOf(status) === 'bad').length;
  if (runs.length === 0) return <span className={styles.none}>no runs yet</span>;
  return (
    <span className={styles.strip}>
      <span className="visually-hidden">{`${failed} of the last ${runs.length} runs failed`}</span>
      {runs.map(({ id, status, scheduledFor }) => (
        <Go
          key={id}
          to="/runs/$id"
          params={{ id }}
          className={`${styles.run} ${styles[toneOf(status)]}`}
          title={`${wordOf(status)}, due ${utcText(scheduledFor)}`}
          aria-label={`Run ${wordOf(status)}, due ${utcText(scheduledFor)}`}
          tabIndex={-1}
        />
      ))}
    </span>
  );
}
