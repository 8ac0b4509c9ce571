/** The executor that calls HTTP targets. */

import type { Clock, Timer } from '../clock.ts';
import { type BagItem, createBag } from '../domain/bag.ts';
import { createInstantFormat } from '../domain/instant.ts';
import type { HttpTarget } from '../domain/target.ts';
import type { ResolveHost } from './connector.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from './executor.ts';
import { startCall } from './http-call.ts';
import { brokenOutcome, cancelledOutcome, nothingReceived } from './http-outcome.ts';
import { buildRequest, createSpanIds, type PreparedTarget, prepareTarget, type Sender } from './http-request.ts';
import { createLanes, type Lanes } from './lanes.ts';
import type { TargetFilter } from './target-filter.ts';

export type HttpExecutorOptions = {
  clock: Clock;
  /** Epoch milliseconds by the database's clock: a replica's own may be wrong, and targets judge by what they are told. */
  now(): number;
  /** For `user-agent`. */
  version: string;
  filter: TargetFilter;
  signerFor: Sender['signerFor'];
  randomBytes(size: number): Buffer;
  /** A random number in [0, 1). */
  random(): number;
  /** Sockets in use at once to one origin. More calls than that wait while others end, and are postponed when none does. */
  maxConnectionsPerOrigin: number;
  /** A call was not made because no socket became free for it. */
  onPostponed(): void;
  /** All of an origin's sockets are taken by calls that do not end; or that is over. */
  onSaturated(origin: string, isSaturated: boolean): void;
  resolve: ResolveHost;
};

export type HttpExecutor = {
  /** Without an AbortSignal, which would make a call half as dear again (measured). */
  execute: Executor;
  /** Does ahead what is the same for every call of a target, and keeps it as long as the target; nothing where its URL is none. */
  prepare(target: HttpTarget): void;
  /** Scheme, host and port of where a target is; its URL as it stands where that is none, which only a call of it tells. */
  originOf(target: HttpTarget): string;
  /** Ends all calls as cancelled and closes all connections. Later calls are cancelled at once. */
  close(): void;
};

type Call = BagItem & { cancel: (message: string) => void };

/** Origins kept with nothing to do: how long in milliseconds, and how many. */
const idleOriginMs = 60_000;
const idleOrigins = 1024;

const givenUp = 'the attempt was cancelled';
const shutDown = 'the replica is shutting down';
const closing = new Error('the executor is closed');

/** Makes an executor with connections of its own. It follows no redirect. A target gets an attempt twice only as `startCall` says. */
export function createHttpExecutor(options: HttpExecutorOptions): HttpExecutor {
  const { clock, filter, version, random, maxConnectionsPerOrigin } = options;
  const connecting = { clock, filter, resolve: options.resolve };
  const sender = {
    signerFor: options.signerFor,
    now: options.now,
    nextSpanId: createSpanIds(options.randomBytes),
    formatInstant: createInstantFormat(),
    formatDeadline: createInstantFormat(),
  };
  const preparedTargets = new WeakMap<HttpTarget, PreparedTarget>();
  const origins = new Map<string, Lanes>();
  const calls = createBag<Call>();
  let sweeper: Timer | null = null;
  let isClosed = false;
  /** Whoever asks where a target is calls it next. */
  let lastTarget: HttpTarget | null = null;
  let lastPrepared: PreparedTarget | null = null;

  function prepared(target: HttpTarget): PreparedTarget {
    if (lastPrepared === null || lastTarget !== target) {
      lastPrepared = preparedTargets.get(target) ?? prepareTarget(target, version);
      lastTarget = target;
    }
    return lastPrepared;
  }

  function lanesTo(origin: string): Lanes {
    let lanes = origins.get(origin);
    if (lanes === undefined) {
      if (origins.size >= idleOrigins) forgetIdle(0);
      lanes = createLanes(origin, maxConnectionsPerOrigin, {
        ...connecting,
        random,
        onSaturated: (isSaturated) => options.onSaturated(origin, isSaturated),
      });
      origins.set(origin, lanes);
      sweeper ??= clock.after(idleOriginMs, sweep);
    }
    return lanes;
  }

  function forgetIdle(longerThanMs: number): void {
    const now = clock.monotonic();
    for (const [origin, lanes] of origins) {
      const since = lanes.idleSince();
      if (since === null || now - since < longerThanMs) continue;
      origins.delete(origin);
      lanes.destroy(closing);
    }
  }

  function sweep(): void {
    forgetIdle(idleOriginMs);
    sweeper = origins.size > 0 ? clock.after(idleOriginMs, sweep) : null;
  }

  function execute(attempt: Attempt): StartedAttempt {
    const call: Call = { place: -1, cancel: () => {} };
    const outcome = new Promise<Outcome>((resolve) => {
      if (isClosed) return resolve(cancelledOutcome(nothingReceived(), shutDown));
      let isOver = false;
      const report = (outcome: Outcome) => {
        isOver = true;
        calls.remove(call);
        if (outcome.postponed !== null) options.onPostponed();
        resolve(outcome);
      };
      try {
        const target = prepared(attempt.target);
        const request = (leftMs: number) => buildRequest(target, attempt, sender, leftMs);
        call.cancel = startCall(clock, lanesTo(target.origin), attempt, request, target.isSuccess, report);
        if (!isOver) calls.add(call);
      } catch (error) {
        resolve(brokenOutcome(nothingReceived(), error));
      }
    });
    return { outcome, cancel: () => call.cancel(givenUp) };
  }

  return {
    execute,
    prepare(target) {
      if (URL.canParse(target.url)) preparedTargets.set(target, prepared(target));
    },
    originOf(target) {
      try {
        return prepared(target).origin;
      } catch {
        return target.url;
      }
    },
    close() {
      isClosed = true;
      sweeper?.cancel();
      // Each takes itself out.
      for (const { cancel } of [...calls.items()]) cancel(shutDown);
      for (const lanes of origins.values()) lanes.destroy(closing);
      origins.clear();
    },
  };
}
