/** The circuit breakers of origins, as settings want them, with what the log and the metrics hear of them. */

import type { Clock } from '../clock.ts';
import { type Breakers, createBreakers } from '../executors/breakers.ts';
import type { Registry } from '../executors/registry.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Settings } from '../settings/settings.ts';

export type OriginBreakersOptions = {
  settings: Pick<Settings, 'breakerThreshold' | 'breakerWindowMs' | 'breakerCooldownMs'>;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  random: () => number;
  originOf: Registry['groupOf'];
};

const minimumCalls = 20;

/** Null where settings want none. */
export function createOriginBreakers(options: OriginBreakersOptions): Breakers | null {
  const { settings, clock, log, metrics, random, originOf } = options;
  if (settings.breakerThreshold === null) return null;
  return createBreakers({
    monotonic: clock.monotonic,
    random,
    threshold: settings.breakerThreshold,
    windowMs: settings.breakerWindowMs,
    minimumCalls,
    cooldownMs: settings.breakerCooldownMs,
    originOf,
    onDeferred: () => metrics.deferred('circuit_open'),
    onChange(origin, state) {
      metrics.breakerChanged(state);
      if (state === 'open') log.warn({ origin }, 'calls to this origin fail: it is not called for a while');
      else if (state === 'closed') log.info({ origin }, 'an origin that failed answers again');
    },
  });
}
