/** The definition of a task. What was set is told apart from what is the default. */

import type { Task } from '../../api/client.ts';
import styles from './task.module.css';

/** What changes by itself, or stands elsewhere on the page. */
const left = new Set([
  'id',
  'version',
  'createdAt',
  'updatedAt',
  'nextRunAt',
  'lastRun',
  'warnings',
  'strip',
  'status',
]);

/** The defaults of docs/schedules.md and docs/targets.md. */
const defaults: Record<string, unknown> = {
  description: null,
  labels: {},
  timeout: '30s',
  overlap: 'skip',
  priority: 5,
  misfire: { policy: 'fire_once', grace: '1m', limit: 100 },
};

export function Definition({ task }: { task: Task }) {
  const members = Object.entries(task).filter(([name]) => !left.has(name));
  return (
    <section className="panel" aria-label="Definition">
      <header>
        <h2>Definition</h2>
        <span className="muted">version {task.version}; bold was set, the rest is the default</span>
      </header>
      <dl className="facts">
        {members.map(([name, value]) => {
          const isGiven = !isDefault(name, value, task);
          return (
            <div key={name} className={styles.member}>
              <dt className={isGiven ? styles.given : undefined}>
                {name}
                {isGiven && <span className="visually-hidden"> (set)</span>}
              </dt>
              <dd>
                <pre>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

function isDefault(name: string, value: unknown, task: Task): boolean {
  if (name === 'name') return value === task.id;
  if (name === 'retry') return task.retry.maxAttempts === 1;
  if (name in defaults) return JSON.stringify(value) === JSON.stringify(defaults[name]);
  return value === null;
}
