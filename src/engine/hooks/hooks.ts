/** The loops of hooks: one checks before a run, one delivers events, and one reads the outbox. */

import { createOutboxStep } from '../../events/outbox.ts';
import { subscribers } from '../../events/subscribers.ts';
import type { NoteRuns } from '../../live/live.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { Database } from '../../store/postgres/database.ts';
import { type Loop, startLoop } from '../loop.ts';
import { beforeChecks } from './checks.ts';
import { hookDeliveries } from './deliverer.ts';
import { type HookCallsOptions, startHookCalls } from './hook-calls.ts';

export type HooksOptions = HookCallsOptions & {
  database: Database;
  random: () => number;
  metrics: Pick<Metrics, 'hookCalled' | 'skipped'>;
  noteRuns: NoteRuns;
  /** Runs may start that waited for an answer. */
  onWaiting: () => void;
};

/**
 * Starts them, by name: `checks` is to be woken when a run waits to be asked about, `outbox` when an event was written.
 */
export function startHooks(options: HooksOptions): [name: string, loop: Loop][] {
  const { database, log, random, metrics, onWaiting } = options;
  const db = database.pool;
  const { hookTarget } = options.executors;
  const checks = beforeChecks({
    db,
    hookTarget,
    onChecked: (outcome) => metrics.hookCalled('before', outcome),
    onSkipped: (count) => metrics.skipped('before_hook', count),
    noteRuns: options.noteRuns,
    onWaiting,
  });
  const deliveries = hookDeliveries({ db, log, random, hookTarget, onCalled: metrics.hookCalled });
  const deliverer = startHookCalls(deliveries, options);
  const outbox = startLoop({
    ...{ name: 'outbox', clock: options.clock, log, retryMs: 500 },
    step: createOutboxStep({ database, subscribers, onTaken: deliverer.wake }),
  });
  return [
    [checks.name, startHookCalls(checks, options)],
    [deliveries.name, deliverer],
    ['outbox', outbox],
  ];
}
