/** The kinds of target that a replica knows, as settings want them: HTTP, and those that it is handed besides. */

import { randomFillSync, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { createHttpExecutor } from '../executors/http/executor.ts';
import { createTargetFilter } from '../executors/http/filter/target-filter.ts';
import { createHttpKind, type HttpKindOptions } from '../executors/http/kind.ts';
import { createSystemResolver } from '../executors/http/names/system-resolver.ts';
import { createProxyChoice } from '../executors/http/proxy-choice.ts';
import { httpHooks } from '../executors/http/target/definition.ts';
import { warmUp } from '../executors/http/warm-up.ts';
import type { ExecutorKind } from '../executors/kind.ts';
import { createRegistry, type Registry } from '../executors/registry.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Settings } from '../settings/settings.ts';
import type { Secrets } from './secrets.ts';

export type ExecutorsOptions = Pick<HttpKindOptions, 'previousOf' | 'trials'> & {
  settings: Settings;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  /** Epoch milliseconds by the database's clock. */
  now: () => number;
  version: string;
  signerFor: Secrets['signerFor'];
  random: () => number;
  otherKinds: readonly ExecutorKind[];
};

export type Executors = Registry & {
  /** Makes calls to this process itself, so that their way is compiled; resolves with how many were answered. */
  warmUp(): Promise<number>;
};

export function createExecutors(options: ExecutorsOptions): Executors {
  const { settings, clock, log, metrics } = options;
  const filter = createTargetFilter({ deny: settings.targetDeny, allow: settings.targetAllow });
  const names = createSystemResolver(clock, settings.targetDnsServers);
  const calling = {
    clock,
    now: options.now,
    resolve: names.resolve,
    version: options.version,
    signerFor: options.signerFor,
    randomBytes: (size: number) => randomFillSync(Buffer.alloc(size)),
    random: options.random,
    maxConnectionsPerOrigin: settings.maxConcurrentPerOrigin ?? Math.max(1, settings.maxConcurrentRuns >> 1),
  };
  const executor = createHttpExecutor({
    ...calling,
    filter,
    proxyOf: settings.proxies && createProxyChoice(settings.proxies),
    onDeferred: () => metrics.deferred('origin_full'),
    onSaturated(origin, isSaturated) {
      if (isSaturated) log.warn({ origin }, 'calls to this origin do not end: more are made only as they do');
      else log.info({ origin }, 'calls to an origin that took too long end again');
    },
  });
  const rehearsing = createHttpExecutor({
    ...calling,
    filter: createTargetFilter({ deny: [], allow: [] }),
    onDeferred() {},
    onSaturated() {},
  });
  const { refusesUrl } = filter;
  const { previousOf, trials } = options;
  const http = createHttpKind({ executor, refusesUrl, previousOf, trials });
  const registry = createRegistry([http, ...options.otherKinds], httpHooks(refusesUrl));
  return {
    ...registry,
    warmUp: () => warmUp({ clock, executor: rehearsing, newId: randomUUID }),
    close() {
      registry.close();
      rehearsing.close();
      names.close();
    },
  };
}
