/** The status of a run or task: a shape, a colour and a word, so that none of them alone has to be understood. */

import styles from './status.module.css';

export type Tone = 'good' | 'bad' | 'warn' | 'idle' | 'busy';

/** How each status is shown. Others, of later versions, are shown as they are called. */
const tones: Record<string, Tone> = {
  succeeded: 'good',
  active: 'good',
  ready: 'good',
  closed: 'good',
  running: 'busy',
  pending: 'idle',
  retrying: 'warn',
  failed: 'bad',
  timed_out: 'bad',
  lost: 'bad',
  missed: 'bad',
  open: 'bad',
  cancelled: 'idle',
  skipped: 'warn',
  stopped: 'idle',
  completed: 'idle',
};

export function toneOf(status: string): Tone {
  return tones[status] ?? 'idle';
}

/** The words of a status, such as "timed out". */
export function wordOf(status: string): string {
  return status.replaceAll('_', ' ');
}

/** The shape of each tone, on a grid of 12 by 12. */
const shapes: Record<Tone, string> = {
  good: 'M2 6.5 5 9.5 10 3',
  bad: 'M3 3 9 9 M9 3 3 9',
  warn: 'M6 2 V7 M6 9.4 V9.6',
  idle: 'M3 6 H9',
  busy: 'M6 2 A4 4 0 1 1 2 6',
};

function StatusMark({ status }: { status: string }) {
  const tone = toneOf(status);
  return (
    <svg className={`${styles.mark} ${styles[tone]}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      <path d={shapes[tone]} fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}

export function Status({ status }: { status: string }) {
  return (
    <span className={`${styles.status} ${styles[toneOf(status)]}`}>
      <StatusMark status={status} />
      {wordOf(status)}
    </span>
  );
}
