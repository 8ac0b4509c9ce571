/** The kinds of target that a replica knows, as settings want them: HTTP, and those that it is handed besides. */

import { randomFillSync, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { defaultNamespace } from '../domain/access/namespace.ts';
import type { Namespaces } from '../domain/access/namespace-rules.ts';
import type { Executor } from '../executors/executor.ts';
import { type BreakerState, createGovernors } from '../executors/governor/governors.ts';
import { httpHooks } from '../executors/http/definition.ts';
import { createHttpExecutor } from '../executors/http/executor.ts';
import { createNamespaceFilters } from '../executors/http/filter/namespace-filters.ts';
import { createTargetFilter } from '../executors/http/filter/target-filter.ts';
import { createHttpKind, type HttpKindOptions } from '../executors/http/kind.ts';
import { createSystemResolver } from '../executors/http/names/system-resolver.ts';
import { createProxyChoice } from '../executors/http/proxy-choice.ts';
import { warmUp } from '../executors/http/warm-up.ts';
import type { ExecutorKind } from '../executors/kind.ts';
import { startInKnown } from '../executors/known-namespaces.ts';
import { createRegistry, type Registry } from '../executors/registry.ts';
import { createTestCalls } from '../executors/test-calls.ts';
import type { Logger } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Settings } from '../settings/settings.ts';
import { createTargetGovernors } from './governors.ts';
import type { Secrets } from './secrets.ts';

export type ExecutorsOptions = Pick<HttpKindOptions, 'previousOf' | 'secretsOf' | 'trials'> & {
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
  namespaces: Namespaces;
};

export type Executors = Registry & {
  /** Starts an attempt behind the governor of its group; `start` does so without. */
  execute: Executor;
  /** The groups that are open. */
  breakers(): BreakerState[];
  /** Starts a test call. */
  startTest: ReturnType<typeof createTestCalls>;
  /** Makes calls to this process itself, so that V8 compiles their code. Resolves with how many were answered. */
  warmUp(): Promise<number>;
};

export function createExecutors(options: ExecutorsOptions): Executors {
  const { settings, clock, log, metrics } = options;
  const filterOf = createNamespaceFilters(
    createTargetFilter({ deny: settings.targetDeny, allow: settings.targetAllow }),
    options.namespaces.rulesOf,
  );
  const names = createSystemResolver(clock, settings.targetDnsServers);
  const calling = {
    clock,
    now: options.now,
    resolve: names.resolve,
    version: options.version,
    signerFor: options.signerFor,
    randomBytes: (size: number) => randomFillSync(Buffer.alloc(size)),
  };
  const most = settings.maxConcurrentPerOrigin ?? Math.max(1, settings.maxConcurrentRuns >> 1);
  const governing = { clock, random: options.random, most, weightOf: options.namespaces.weightOf };
  const governors = createTargetGovernors({ ...governing, settings, log, metrics });
  const executor = createHttpExecutor({
    ...calling,
    filterOf,
    proxyOf: settings.proxies && createProxyChoice(settings.proxies),
    governors,
    onDeferred: () => metrics.deferred('origin_full'),
  });
  const rehearsing = createHttpExecutor({
    ...calling,
    filterOf: createNamespaceFilters(createTargetFilter({ deny: [], allow: [] }), () => null),
    governors: createGovernors({ ...governing, circuit: null, onDeferred() {}, onChange() {} }),
    onDeferred() {},
  });
  const refusesUrl = (url: string, namespace = defaultNamespace) => filterOf(namespace).filter.refusesUrl(url);
  const { previousOf, secretsOf, trials } = options;
  const http = createHttpKind({ executor, refusesUrl, previousOf, secretsOf, trials });
  const registry = createRegistry([http, ...options.otherKinds], httpHooks(refusesUrl));
  const start = startInKnown(registry.start, options.namespaces);
  return {
    ...registry,
    start,
    execute: governors.guard(start, registry.groupOf),
    breakers: governors.states,
    startTest: createTestCalls({ start, targets: registry.targets, clock, now: options.now, newId: randomUUID }),
    warmUp: () => warmUp({ clock, executor: rehearsing, newId: randomUUID }),
    close() {
      registry.close();
      rehearsing.close();
      names.close();
    },
  };
}
