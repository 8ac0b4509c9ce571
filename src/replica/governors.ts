/** The governors of calls to targets: made by the settings, and reporting to the log and the metrics. */

import type { GovernorState } from '../executors/governor/governor.ts';
import { createGovernors, type Governors, type GovernorsOptions } from '../executors/governor/governors.ts';
import type { ConnectionSlot } from '../executors/http/connections/connection-slot.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Settings } from '../settings/settings.ts';

export type TargetGovernorsOptions = Pick<GovernorsOptions, 'clock' | 'random' | 'most' | 'weightOf'> & {
  settings: Pick<Settings, 'breakerThreshold' | 'breakerWindowMs' | 'breakerCooldownMs'>;
  log: Logger;
  metrics: Metrics;
};

const minimumCalls = 20;

export function createTargetGovernors(options: TargetGovernorsOptions): Governors<ConnectionSlot> {
  const { log, metrics } = options;
  const { breakerThreshold: threshold, breakerWindowMs: windowMs, breakerCooldownMs: cooldownMs } = options.settings;

  function tell(origin: string, from: GovernorState, to: GovernorState): void {
    if (to === 'saturated') log.warn({ origin }, 'calls to this origin do not end: others are deferred until they do');
    else if (from === 'saturated' && to === 'closed') log.info({ origin }, 'calls to this origin end again');
    else {
      metrics.breakerChanged(from === to ? 'half_open' : to);
      if (to === 'closed') log.info({ origin }, 'this origin answers again');
      else if (from !== to) log.warn({ origin }, 'calls to this origin fail: it is not called for a while');
    }
  }

  return createGovernors({
    ...{ clock: options.clock, random: options.random, most: options.most, weightOf: options.weightOf },
    circuit: threshold === null ? null : { threshold, windowMs, minimumCalls, cooldownMs },
    onDeferred: () => metrics.deferred('circuit_open'),
    onChange: tell,
  });
}
