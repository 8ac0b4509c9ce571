/** What one replica tells of itself and hears of the others, for those who follow the cluster. */

import type { Clock } from '../clock.ts';
import type { RunObserver } from '../engine/attempts/run-log.ts';
import type { Engine } from '../engine/engine.ts';
import type { EngineOptions } from '../engine/options.ts';
import type { HttpContext } from '../http/context.ts';
import { createLive, type Live } from '../live/live.ts';
import type { Wire } from '../live/relay.ts';
import type { Logger } from '../observability/log.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { Receiver, Signal } from '../redis/signals.ts';
import type { Database } from '../store/postgres/database.ts';
import { createRunLook } from '../store/runs/run-look.ts';
import type { UseCaseContext } from '../usecases/context.ts';

export type ReplicaLiveOptions = {
  clock: Clock;
  log: Logger;
  /** This process, a UUID. */
  self: string;
  database: Database;
  /** Null until it is started. */
  engine: () => Engine | null;
  redis: RedisConnection | null;
  wire: () => Wire | null;
  /** Takes signals. */
  receive: (signal: Signal) => void;
};

export type ReplicaLive = Pick<Live, 'stop'> & {
  /** This replica begins to shut down. */
  drain(): void;
  forHttp: Pick<HttpContext, 'onDraining' | 'process'>;
  forEngine: Pick<EngineOptions, 'noteRuns' | 'noteTask' | 'onPeers'>;
  forUseCases: Pick<UseCaseContext, 'noteRuns' | 'live'>;
  /** The same observer of attempts, whose ends are noted too. */
  observing(runs: RunObserver): RunObserver;
  /** What hears of signals and texts of other replicas. */
  receiver: Receiver;
};

export function createReplicaLive(options: ReplicaLiveOptions): ReplicaLive {
  const { clock, log, self, database, engine, redis, wire, receive } = options;
  const drainListeners: (() => void)[] = [];
  let peers: readonly string[] = [];
  const runs = createRunLook(database.pool);

  function state(): string {
    const running = engine();
    const breakers = running?.state().breakers.map(({ origin, state: circuit }) => [origin, circuit]);
    const failures = Object.keys(running?.readinessFailures() ?? {});
    return JSON.stringify([breakers, failures, redis?.up()]);
  }

  const live = createLive({
    ...{ clock, self, wire, state },
    hasPeers: () => peers.length > 0,
    isBusy: () => engine()?.callsWait() === true,
    look: {
      forget: runs.forget,
      async look(namespace, note) {
        try {
          return await runs.look(namespace, note);
        } catch (err) {
          log.debug({ err }, 'could not look for changes of runs');
          return true;
        }
      },
    },
  });

  function onPeers(ids: readonly string[]): void {
    const before = peers;
    peers = [...ids].sort();
    if (before.join() === peers.join()) return;
    live.peersChanged(before.some((id) => !peers.includes(id)));
  }

  return {
    stop: live.stop,
    drain() {
      for (const listener of drainListeners) listener();
      live.clusterChanged();
    },
    forHttp: { onDraining: (listener) => void drainListeners.push(listener), process: self },
    forEngine: { noteRuns: live.runsChanged, noteTask: live.taskChanged, onPeers },
    forUseCases: { noteRuns: live.runsChanged, live },
    observing: (runs) => ({
      ...runs,
      ended(run) {
        runs.ended(run);
        live.runsChanged(run.namespace, run.taskId);
      },
    }),
    receiver: { signal: receive, text: live.receive, opened: live.opened },
  };
}
