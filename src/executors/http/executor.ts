/** The executor that calls HTTP targets. */

import { createHmac } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { createIndexedList, type IndexedItem } from '../../domain/indexed-list.ts';
import { createInstantFormat } from '../../domain/input/instant.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from '../executor.ts';
import type { Governor } from '../governor/governor.ts';
import type { Governors } from '../governor/governors.ts';
import { createJudge } from './answer/judging.ts';
import { startCall } from './call.ts';
import { type ConnectionSlot, openConnectionSlot } from './connections/connection-slot.ts';
import { type Connector, createConnector, type ResolveHost } from './connections/connector.ts';
import { createSecured } from './connections/secured.ts';
import { createTunnel } from './connections/tunnel.ts';
import type { FilterOf } from './filter/namespace-filters.ts';
import type { TargetFilter } from './filter/target-filter.ts';
import { brokenOutcome, cancelledOutcome, nothingReceived, type Received } from './outcome.ts';
import { followRedirects, type StartHop } from './redirects.ts';
import {
  buildRequest,
  createSpanIds,
  type HttpRequest,
  type PreparedTarget,
  prepareTarget,
  type Sender,
} from './request.ts';
import { createRouter, type Route } from './route.ts';
import { shownRequest } from './shown-request.ts';
import type { ProxyChoice } from './target/proxy.ts';
import type { HttpTarget } from './target/target.ts';

export type HttpExecutorOptions = {
  clock: Clock;
  /**
   * Epoch milliseconds by the database's clock, because a replica's own may be wrong and targets rely on the time that
   * they are told.
   */
  now(): number;
  /** For `user-agent`. */
  version: string;
  filterOf: FilterOf;
  signerFor: Sender['signerFor'];
  randomBytes(size: number): Buffer;
  /** The governors of the calls to each origin. They are closed with the executor. */
  governors: Governors<ConnectionSlot>;
  /** A call was not made because no socket became free for it. */
  onDeferred(): void;
  resolve: ResolveHost;
  /** The proxy of targets that name none; absent = they are called directly. */
  proxyOf?: ProxyChoice | null;
  /** Where the module of the judging thread is; default: beside this one. */
  judgeScript?: URL;
};

export type HttpExecutor = {
  /** Without an AbortSignal, which would make a call cost half as much again (measured). */
  execute: Executor<HttpTarget>;
  /**
   * Prepares the parts that are the same for every call of a target, and keeps them as long as the target. Does nothing
   * where its URL is not valid.
   */
  prepare(target: HttpTarget): void;
  /**
   * The key by which calls share connections: scheme, host and port, and the proxy and certificates where there are
   * any. A URL that is not valid is its own key; the call then fails.
   */
  originOf(target: HttpTarget): string;
  /** Ends all calls as cancelled and closes all connections. Later calls are cancelled at once. */
  close(): void;
};

type Call = IndexedItem & { cancel: (message: string) => void };

const givenUp = 'the attempt was cancelled';
const shutDown = 'the replica is shutting down';

/** Makes an executor with connections of its own. A target gets an attempt twice only as `startCall` says. */
export function createHttpExecutor(options: HttpExecutorOptions): HttpExecutor {
  const { clock, filterOf, version, governors } = options;
  const sender = {
    signerFor: options.signerFor,
    now: options.now,
    nextSpanId: createSpanIds(options.randomBytes),
    formatInstant: createInstantFormat(),
    formatDeadline: createInstantFormat(),
  };
  const unsigned: Sender = { ...sender, signerFor: () => null };
  const marks = options.randomBytes(32);
  const router = createRouter(options.proxyOf ?? null, (text) =>
    createHmac('sha256', marks).update(text).digest('hex').slice(0, 32),
  );
  const judge = createJudge(clock, options.judgeScript ?? new URL('./answer/judge-worker.js', import.meta.url));
  const preparedTargets = new WeakMap<HttpTarget, PreparedTarget>();
  /** A connector holds the certificates and keys of its target. It goes when the governor of its group does. */
  const connectors = new WeakMap<Governor<ConnectionSlot>, Connector>();
  const calls = createIndexedList<Call>();
  let isClosed = false;
  /** The same target is called next, so this is computed once for both. */
  let lastTarget: HttpTarget | null = null;
  let lastPrepared: PreparedTarget | null = null;

  function prepared(target: HttpTarget): PreparedTarget {
    if (lastPrepared === null || lastTarget !== target) {
      lastPrepared = preparedTargets.get(target) ?? prepareTarget(target, version, router);
      lastTarget = target;
    }
    return lastPrepared;
  }

  function connectorTo(governor: Governor<ConnectionSlot>, { proxy, tls }: Route, filter: TargetFilter): Connector {
    const known = connectors.get(governor);
    if (known !== undefined) return known;
    const connecting = { clock, filter, resolve: options.resolve };
    const connector = createSecured(
      proxy === null ? createConnector(connecting) : createTunnel(proxy, connecting),
      tls,
    );
    connectors.set(governor, connector);
    return connector;
  }

  function start(
    target: PreparedTarget,
    attempt: Attempt,
    from: Sender,
    deadline: number,
    report: (outcome: Outcome, received: Received) => void,
  ): (message: string) => void {
    const { route } = target;
    const { namespace } = attempt;
    const { filter, mark } = filterOf(namespace);
    // Connections that other rules let through serve no call of this namespace.
    const governor = governors.of(mark === '' ? route.key : `${route.key} ${mark}`);
    return startCall({
      clock,
      now: options.now,
      governor,
      open: () => openConnectionSlot(route.origin, connectorTo(governor, route, filter)),
      judge,
      attempt,
      target,
      isOutdated: () => filterOf(namespace).mark !== mark,
      buildRequest(leftMs) {
        const request = buildRequest(target, attempt, from, leftMs);
        tell(attempt, target, request);
        return request;
      },
      deadline,
      report,
    });
  }

  /** Shows the request to whoever looks. */
  function tell({ onRequest, target }: Attempt, sent: PreparedTarget, request: HttpRequest): void {
    if (onRequest === undefined) return;
    const { masked } = target as HttpTarget;
    onRequest(shownRequest(sent, request, masked === undefined ? sent : prepareTarget(masked, version, router)));
  }

  /**
   * Starts the calls of an attempt that follows redirects. They share one deadline. Credentials go only to the target's
   * own origin.
   */
  function hopsOf(attempt: Attempt): StartHop {
    const deadline = clock.monotonic() + attempt.timeoutMs;
    return ({ target, isForeign }, report) =>
      isForeign
        ? start(target, { ...attempt, token: null }, unsigned, deadline, report)
        : start(target, attempt, sender, deadline, report);
  }

  function execute(attempt: Attempt<HttpTarget>): StartedAttempt {
    const call: Call = { place: -1, cancel: () => {} };
    let isDeferred = false;
    const outcome = new Promise<Outcome>((resolve) => {
      if (isClosed) return resolve(cancelledOutcome(nothingReceived(), shutDown));
      let isOver = false;
      const report = (outcome: Outcome) => {
        isOver = true;
        calls.remove(call);
        if (outcome.deferred !== null) {
          isDeferred = true;
          options.onDeferred();
        }
        resolve(outcome);
      };
      try {
        const target = prepared(attempt.target);
        call.cancel = target.followsRedirects
          ? followRedirects(target, router, hopsOf(attempt), report)
          : start(target, attempt, sender, clock.monotonic() + attempt.timeoutMs, report);
        if (!isOver) calls.add(call);
      } catch (error) {
        resolve(brokenOutcome(nothingReceived(), error));
      }
    });
    return { outcome, cancel: () => call.cancel(givenUp), isDeferred };
  }

  return {
    execute,
    prepare(target) {
      if (URL.canParse(target.url)) preparedTargets.set(target, prepared(target));
    },
    originOf(target) {
      try {
        return prepared(target).route.key;
      } catch {
        return target.url;
      }
    },
    close() {
      isClosed = true;
      judge.close();
      // Each takes itself out.
      for (const { cancel } of [...calls.items()]) cancel(shutDown);
      governors.close();
    },
  };
}
