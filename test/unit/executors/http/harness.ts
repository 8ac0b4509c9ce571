/** Makes executors and attempts for the tests of this folder, and clears executors away after each test. */

import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../../src/clock.ts';
import type { Attempt, Outcome } from '../../../../src/executors/executor.ts';
import { createGovernors, type GovernorsOptions } from '../../../../src/executors/governor/governors.ts';
import type { ResolveHost } from '../../../../src/executors/http/connections/connector.ts';
import {
  createHttpExecutor,
  type HttpExecutor,
  type HttpExecutorOptions,
} from '../../../../src/executors/http/executor.ts';
import { createTargetFilter, type TargetFilter } from '../../../../src/executors/http/filter/target-filter.ts';
import { createSystemResolver } from '../../../../src/executors/http/names/system-resolver.ts';
import type { HttpTarget } from '../../../../src/executors/http/target/target.ts';

export const runId = '0193933d-3c5e-7abc-8def-0123456789ab';

type HarnessOptions = Partial<HttpExecutorOptions> & {
  /** Of every namespace. */
  filter?: TargetFilter;
  maxConnectionsPerOrigin?: number;
  onChange?: GovernorsOptions['onChange'];
};

export function startExecutor({
  maxConnectionsPerOrigin: most = 512,
  onChange = () => {},
  filter = createTargetFilter({ deny: [], allow: [] }),
  ...options
}: HarnessOptions = {}): HttpExecutor {
  const executor = createHttpExecutor({
    clock: systemClock,
    now: systemClock.now,
    resolve: createSystemResolver(systemClock, null).resolve,
    version: '1.2.3',
    filterOf: () => ({ filter, mark: '' }),
    signerFor: () => null,
    randomBytes,
    governors: createGovernors({
      ...{ clock: options.clock ?? systemClock, random: () => 0, most, weightOf: () => 1, circuit: null },
      onDeferred: () => {},
      onChange,
    }),
    onDeferred: () => {},
    ...options,
  });
  onTestFinished(() => executor.close());
  return executor;
}

/** A resolver that knows one answer for all names. */
export function resolvedTo(...addresses: string[]): ResolveHost {
  return async () => ({ addresses: addresses.map((address) => ({ address, family: isIP(address) })), late: null });
}

export function attemptOn(
  target: Partial<HttpTarget> & { url: string },
  attempt: Partial<Attempt<HttpTarget>> = {},
): Attempt<HttpTarget> {
  return {
    namespace: 'default',
    taskId: 'nightly-report',
    runId,
    attempt: 1,
    scheduledFor: Date.UTC(2026, 11, 1, 1),
    trigger: 'schedule',
    timeoutMs: 20_000,
    fallback: null,
    about: null,
    holdMs: null,
    atMostOnce: false,
    token: null,
    target: { type: 'http', method: 'POST', headers: {}, successStatus: ['2xx'], ...target },
    ...attempt,
  };
}

/** One call by an executor of its own. */
export function call(
  target: Partial<HttpTarget> & { url: string },
  attempt: Partial<Attempt<HttpTarget>> = {},
  options: HarnessOptions = {},
): Promise<Outcome> {
  return startExecutor(options).execute(attemptOn(target, attempt)).outcome;
}
