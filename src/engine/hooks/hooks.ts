/** The two loops that call hooks: one asks before a run, one tells afterwards. */

import type { Metrics } from '../../observability/metrics.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import type { Loop } from '../loop.ts';
import { beforeChecks } from './checks.ts';
import { hookDeliveries } from './deliverer.ts';
import { type HookCallsOptions, startHookCalls } from './hook-calls.ts';

export type HooksOptions = HookCallsOptions & {
  db: Queryable;
  random: () => number;
  metrics: Pick<Metrics, 'hookCalled' | 'skipped'>;
  /** Runs may start that waited for an answer. */
  onWaiting: () => void;
};

/**
 * Starts them, by name: `checks` is to be woken when a run waits to be asked about, `deliverer` when there is to tell.
 */
export function startHooks(options: HooksOptions): [name: string, loop: Loop][] {
  const { db, log, random, metrics, onWaiting } = options;
  const { hookTarget } = options.executors;
  const checks = beforeChecks({
    db,
    hookTarget,
    onChecked: (outcome) => metrics.hookCalled('before', outcome),
    onSkipped: (count) => metrics.skipped('before_hook', count),
    onWaiting,
  });
  const deliveries = hookDeliveries({ db, log, random, hookTarget, onCalled: metrics.hookCalled });
  return [
    [checks.name, startHookCalls(checks, options)],
    [deliveries.name, startHookCalls(deliveries, options)],
  ];
}
