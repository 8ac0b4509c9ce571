/** What a list or page shows instead of its content: that it loads, that there is nothing, or why it cannot be shown. */

import type { ReactNode } from 'react';
import { Problem } from '../api/client.ts';
import styles from './states.module.css';

export function Loading({ what }: { what: string }) {
  return (
    <p className={styles.note} role="status">
      Loading {what}…
    </p>
  );
}

/** `children` say what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A refusal or fault, with the fields that it concerns. `retry` is offered where asking again may help. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof Problem ? error : null;
  return (
    <div className={styles.failure} role="alert">
      <strong>{titleOf(problem)}</strong>
      <p>{error instanceof Error ? error.message : String(error)}</p>
      {problem !== null && problem.errors.length > 0 && (
        <ul>
          {problem.errors.map(({ pointer, detail }) => (
            <li key={pointer + detail}>
              <code>{pointer}</code> {detail}
            </li>
          ))}
        </ul>
      )}
      {retry && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

function titleOf(problem: Problem | null): string {
  if (problem === null) return 'Something in this page failed.';
  if (problem.status === 0) return 'No answer';
  if (problem.status === 404) return 'Not found';
  if (problem.status === 403) return 'Your role does not allow this';
  return problem.status >= 500 ? 'The service cannot do this right now' : 'The service refused this';
}
