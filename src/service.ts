/** The composition root: builds one replica out of its parts, starts it and ends it. Two can live in one process. */

import { randomFillSync } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from './clock.ts';
import { createCalendar } from './domain/calendar.ts';
import { createDatabaseTime } from './engine/database-time.ts';
import { type Engine, startEngine } from './engine/engine.ts';
import { startLoop } from './engine/loop.ts';
import { createHttpExecutor } from './executors/http.ts';
import { createSigner } from './executors/signature.ts';
import { createTargetFilter } from './executors/target-filter.ts';
import { buildApp } from './http/app.ts';
import { createAuthenticator } from './http/auth.ts';
import { noLock } from './locks/lock.ts';
import { connectRedis } from './locks/redis.ts';
import { createRedisLock } from './locks/redis-lock.ts';
import { createLocalSignals, createRedisSignals, type Signal, type Signals } from './locks/signals.ts';
import type { Logger } from './log.ts';
import { createMetrics } from './metrics.ts';
import type { Settings } from './settings.ts';
import { clusterId } from './store/cluster.ts';
import { type DatabaseOptions, openDatabase } from './store/database.ts';
import { type EmbeddedStore, startEmbedded } from './store/embedded.ts';
import { migrate } from './store/migrate.ts';
import { endReplicas } from './store/replicas.ts';
import { claimsApplicationName } from './store/tasks.ts';

export type ServiceOptions = { settings: Settings; clock: Clock; log: Logger; version: string };

/** A running replica. */
export type Service = {
  /** Where it listens. */
  url: string;
  /** Ends it in phases, letting running attempts finish within the grace of the settings. Never rejects. */
  stop(): Promise<void>;
};

/** An API request may wait this long for Postgres before it is answered with a 503. */
const apiTimeoutMs = 1_500;
const engineTimeoutMs = 5_000;

/** Starts a replica. Rejects with a sentence for people when it cannot listen or open the embedded store. */
export async function startService({ settings, clock, log, version }: ServiceOptions): Promise<Service> {
  const embedded = settings.databaseUrl === null ? await openEmbedded(settings.dataDir, clock, log) : null;
  const connection = embedded ? embedded.connection : { connectionString: settings.databaseUrl as string };
  const open = (applicationName: string, maxConnections: number, timeoutMs: number, kind?: Partial<DatabaseOptions>) =>
    openDatabase({
      connection,
      applicationName,
      maxConnections: embedded ? 1 : maxConnections,
      timeoutMs,
      log,
      ...kind,
    });
  const api = open('punctual api', 8, apiTimeoutMs);
  const claims = open(claimsApplicationName, 4, engineTimeoutMs);
  const lease = open('punctual lease', 1, 2_000);
  const other = open('punctual engine', 3, engineTimeoutMs);

  const metrics = createMetrics({ taskLabel: settings.metricsTaskLabel });
  const calendar = createCalendar();
  const time = createDatabaseTime(clock);
  const filter = createTargetFilter({ deny: settings.targetDeny, allow: settings.targetAllow });
  const executor = createHttpExecutor({
    clock,
    version,
    filter,
    signer: createSigner(settings.signingSecrets),
    randomBytes: (size) => randomFillSync(Buffer.alloc(size)),
    maxConnectionsPerOrigin: settings.maxConcurrentRuns,
  });

  let engine: Engine | null = null;
  let closing = false;
  const receive = (signal: Signal) => engine?.receive(signal);
  const redis = settings.redisUrl === null ? null : connectRedis(settings.redisUrl, log);
  let signals: Signals = createLocalSignals(receive);

  const app = await buildApp({
    database: api,
    log,
    metrics,
    calendar,
    authenticate: createAuthenticator(settings, clock),
    now: time.now,
    refusesUrl: filter.refusesUrl,
    signal: (what) => signals.send(what),
    async faults() {
      const faults: Record<string, string> = {};
      if (closing) faults.shutdown = 'the replica is shutting down';
      for (const [check, fault] of Object.entries(engine?.faults() ?? { postgres: 'not reached since the start' }))
        faults[check] = fault;
      return faults;
    },
    random: (bytes) => randomFillSync(bytes),
    pause: (ms) => new Promise((resume) => clock.after(ms, resume)),
    version,
    metricsNeedAuth: settings.metricsAuth === 'on',
  });

  // Postgres may come later than this process: until then it listens, is not ready, and tries again.
  const boot = startLoop({
    name: 'boot',
    clock,
    log,
    retryMs: 1_000,
    async step() {
      if (engine) return 3_600_000;
      await migrate(connection);
      const cluster = await clusterId(other.pool);
      if (embedded) await endReplicas(other.pool);
      if (settings.redisUrl !== null && redis)
        signals = createRedisSignals(settings.redisUrl, redis, `punctual:${cluster}:signals`, receive, log);
      engine = startEngine({
        clock,
        time,
        log,
        metrics,
        calendar,
        random: Math.random,
        db: { claims: claims.pool, lease: lease.pool, other: other.pool },
        lock: redis ? createRedisLock(redis, `punctual:{${cluster}}:run:`, log) : noLock,
        execute: executor.execute,
        maxConcurrent: settings.maxConcurrentRuns,
        leaseTtlMs: settings.leaseTtlMs,
        historyRetentionMs: settings.historyRetentionMs,
        identity: { version, host: hostname(), pid: process.pid },
      });
      const running = engine;
      metrics.observeState(() => running.state());
      return 3_600_000;
    },
  });

  const url = await app.listen({ host: settings.host, port: settings.port });
  log.info({ url, version, store: embedded ? 'embedded' : 'postgres', redis: redis !== null }, 'listening');

  return {
    url,
    async stop() {
      closing = true;
      await boot.stop();
      await engine?.stop(settings.shutdownGraceMs);
      executor.close();
      await app.close();
      signals.close();
      redis?.close();
      await Promise.all([api.close(), claims.close(), lease.close(), other.close()]);
      await embedded?.stop();
      metrics.close();
    },
  };
}

async function openEmbedded(dataDir: string, clock: Clock, log: Logger): Promise<EmbeddedStore> {
  const opened = await startEmbedded({ dataDir, clock, log });
  if (!opened.ok) throw new Error(opened.errors);
  return opened.value;
}
