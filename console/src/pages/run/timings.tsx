/** The life of a run as one bar: due, claimed, started, finished. The list of facts beside it says the same. */

import type { Run } from '../../api/client.ts';
import { toneOf } from '../../ui/status.tsx';
import { durationText, useNow } from '../../ui/time.tsx';
import styles from './timings.module.css';

type Stretch = { name: string; ms: number; kind: 'waiting' | 'starting' | 'working' };

function stretchesOf({ scheduledFor, createdAt, startedAt, finishedAt }: Run, now: number): Stretch[] {
  const due = Date.parse(scheduledFor);
  const claimed = Math.max(due, Date.parse(createdAt));
  const end = finishedAt === null ? now : Date.parse(finishedAt);
  const started = startedAt === null ? end : Date.parse(startedAt);
  return [
    { name: 'due to claimed', ms: claimed - due, kind: 'waiting' },
    { name: 'claimed to started', ms: started - claimed, kind: 'starting' },
    { name: 'started to finished', ms: end - started, kind: 'working' },
  ];
}

/** The least part of the bar that a stretch has, so that it can be seen. */
const leastShare = 0.02;

export function Timings({ run }: { run: Run }) {
  const now = useNow(1_000);
  const stretches = stretchesOf(run, now).filter(({ ms }) => ms > 0);
  const total = stretches.reduce((sum, { ms }) => sum + ms, 0);
  if (total === 0) return null;
  const shares = stretches.map(({ ms }) => Math.max(leastShare, ms / total));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  let x = 0;
  return (
    <div className={styles.place}>
      <svg className={styles.bar} viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">
        {stretches.map(({ name, kind }, place) => {
          const width = ((shares[place] ?? 0) / whole) * 1000;
          const at = x;
          x += width;
          const tone = kind === 'working' ? styles[toneOf(run.status)] : styles[kind];
          return <rect key={name} x={at} y="0" width={width} height="12" className={tone} />;
        })}
      </svg>
      <ul className={styles.words}>
        {stretches.map(({ name, ms }) => (
          <li key={name}>
            {name} {durationText(ms)}
          </li>
        ))}
      </ul>
    </div>
  );
}
