/** The composition root: builds one replica out of its parts, starts it and ends it. Two can live in one process. */

import { randomFillSync, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createRunIds, type RunIds } from '../domain/run/ids.ts';
import { createRunTokens, type RunTokens } from '../domain/run/token.ts';
import { createCalendar } from '../domain/schedule/calendar.ts';
import { observeRuns } from '../engine/attempts/run-log.ts';
import { createDatabaseTime } from '../engine/cluster/database-time.ts';
import { type Engine, startEngine } from '../engine/engine.ts';
import { type Loop, startLoop } from '../engine/loop.ts';
import { subscribers } from '../events/subscribers.ts';
import { faultInAddressRule } from '../executors/http/filter/address-rules.ts';
import { buildApp } from '../http/app.ts';
import { auditLog } from '../observability/audit-log.ts';
import { createMetrics } from '../observability/metrics.ts';
import { connectRedis } from '../redis/connection.ts';
import { noLock } from '../redis/lock.ts';
import { createRedisLock } from '../redis/redis-lock.ts';
import { createLocalSignals, type Signal, type Signals } from '../redis/signals.ts';
import { isLoopback } from '../settings/values.ts';
import { readCluster } from '../store/cluster/cluster.ts';
import { endReplicas } from '../store/cluster/replicas.ts';
import { checkpoint } from '../store/embedded/maintenance.ts';
import { registerSubscribers } from '../store/events/outbox.ts';
import { openDatabase } from '../store/postgres/database.ts';
import { createFullDiskAlarm } from '../store/postgres/full-disk.ts';
import { migrate } from '../store/postgres/migrate.ts';
import { previousRun } from '../store/runs/history.ts';
import { createTaskInserts } from '../store/tasks/inserts.ts';
import { createTurns } from '../turns.ts';
import { quarantineTask } from '../usecases/changes/quarantine-task.ts';
import type { UseCaseContext } from '../usecases/context.ts';
import { createForecasts } from '../usecases/forecast/forecasts.ts';
import { seedBindings } from '../usecases/grants/seed-bindings.ts';
import { systemIn } from '../usecases/use-case.ts';
import { startBackground } from './background.ts';
import { createExecutors } from './executors.ts';
import { createIdentity } from './identity.ts';
import { createReplicaLive } from './live.ts';
import { createNamespaces } from './namespaces.ts';
import { maintainEmbedded, openEmbedded } from './open-embedded.ts';
import { closePools, type OpenPool, onePool, separatePools } from './pools.ts';
import { createPreparation } from './prepare-database.ts';
import { templateTrials } from './quarantine.ts';
import type { Service, ServiceOptions } from './service.ts';
import { createSignals } from './signals.ts';
import { createStoredSecrets } from './stored-secrets.ts';
import { createWaiting } from './waiting.ts';

const bootWaitMs = 2_000;
/** For how long requests wait for a replica that is being started. */
const firstTryMs = 2_000;
const farewellMs = 1_000;

/** Starts a replica. Rejects with a sentence for people when it cannot listen or open the embedded store. */
export async function startService({
  settings,
  secrets,
  clock,
  log,
  version,
  tz,
  onFatal,
  otherKinds = [],
}: ServiceOptions): Promise<Service> {
  const embedded = settings.databaseUrl === null ? await openEmbedded(settings.dataDir, { clock, log, onFatal }) : null;
  const connection = embedded?.connection ?? secrets.database;
  const fullDisk = createFullDiskAlarm(clock.monotonic, log);
  const random = Math.random;
  const open: OpenPool = (purpose, maxConnections, timeoutMs, indexScansOnly = false) =>
    openDatabase({
      ...{ connection, purpose, maxConnections, timeoutMs, indexScansOnly, log, clock, random },
      onError: fullDisk.note,
    });
  // Its one session must not be shared while the schema changes: before the pool and before the first request.
  if (embedded)
    await migrate(connection, { clock, log }).catch(async (error: Error) => {
      throw new Error((await embedded.fault()) ?? error.message, { cause: error });
    });
  const pools = embedded ? onePool(open, clock) : separatePools(open, settings, secrets.redis === null);
  const { api, other } = pools;

  const metrics = createMetrics({ ...clock, version, taskLabel: settings.metricsTaskLabel });
  const calendar = createCalendar();
  const namespaces = createNamespaces(other.pool, { clock, log, metrics });
  const time = createDatabaseTime(clock);
  let engine: Engine | null = null;
  const loops: Loop[] = [];
  let tokens: RunTokens | null = null;
  let runIds: RunIds | null = null;
  let closing = false;
  const preparation = createPreparation({
    ...{ pools, clock, log, onFatal, own: connection },
    owner: settings.migrationDatabaseUrl === null ? null : secrets.owner,
  });
  const processId = randomUUID();
  const trials = templateTrials({
    ...{ database: other, clock, log, process: processId },
    quarantine: ({ namespace, id }, reason) =>
      quarantineTask({ ...useCases, database: other }, systemIn(namespace), { id, reason }),
  });
  const stored = createStoredSecrets({ secrets, embedded, db: other.pool, clock, time, log });
  const executors = createExecutors({
    ...{ settings, clock, log, metrics, namespaces, version, random, now: time.now, trials, otherKinds },
    signerFor: secrets.signerFor,
    secretsOf: stored.valuesOf,
    previousOf: (runId) => previousRun(other.pool, runId),
  });
  const { look, ...waiting } = createWaiting(api.pool, settings, { clock, log });
  function receive(signal: Signal): void {
    if (signal === 'over') look();
    else if (signal === 'namespaces') namespaces.wake();
    else if (signal === 'secrets') stored.forget();
    else engine?.receive(signal);
  }
  const redis = secrets.redis === null ? null : connectRedis(secrets.redis, log, clock);
  let signals: Signals = createLocalSignals(receive);

  const live = createReplicaLive({
    ...{ clock, log, self: processId, database: other, redis, receive },
    engine: () => engine,
    wire: () => signals.wire,
  });
  const { logRuns: mode } = settings;
  const runs = live.observing(observeRuns({ log, mode, count: metrics.runCompleted, after: clock.after }));
  const holdingTurns = createTurns(clock.monotonic, setImmediate);
  const useCases: UseCaseContext = {
    ...{ database: api, namespaces, metrics, calendar, now: time.now },
    insertTask: createTaskInserts(api),
    forecasts: createForecasts(async (namespace) => (await engine?.tasksOf(namespace)) ?? null),
    ...{ targets: executors.targets, startTest: executors.startTest },
    faultInAddressRule,
    signal: (what) => signals.send(what),
    olderZones() {
      const zones = engine?.state().zones;
      return zones?.outdated ? zones : null;
    },
    attemptOf: (runId, token) => tokens?.attemptOf(runId, token) ?? null,
    logs: waiting.logs,
    runIds: () => runIds as RunIds,
    logAudit: auditLog(log),
    keysOfSettings: () => identity.keysOfSettings(),
    forgetCallers: () => identity.forget(),
    runEnded: runs.ended,
    ...live.forUseCases,
    random01: random,
    random: (bytes) => randomFillSync(bytes),
    ...stored.forUseCases,
    pause: (ms) => new Promise((resume) => clock.after(ms, resume)),
    turns: createTurns(clock.monotonic, setImmediate),
    holdingTurns,
  };
  const started = () => engine !== null && time.isKnown();
  let endFirstTry = () => {};
  const firstTry = new Promise<void>((resolve) => {
    endFirstTry = resolve;
  });
  const identity = createIdentity({ ...useCases, authSettings: secrets.authSettings, started, clock, log });
  const app = await buildApp({
    ...useCases,
    log,
    metrics,
    ...identity,
    targets: executors.targets,
    ...waiting,
    async readinessFailures() {
      const found: Record<string, string> = {
        ...(engine?.readinessFailures() ?? { postgres: preparation.fault() }),
      };
      const full = (await embedded?.fault()) ?? fullDisk.fault();
      if (full !== null) found.disk = full;
      if (closing) found.shutdown = 'the replica is shutting down';
      return found;
    },
    started,
    firstTry,
    draining: () => closing,
    ...live.forHttp,
    version,
    clock,
    door: { ...settings, isLoopback, maxRequests: settings.maxConcurrentRequests },
    metricsNeedAuth: settings.metricsAuth === 'on',
  });

  /** One try to start; it can be repeated where it fails. Gives back in how many milliseconds to look again. */
  async function start(): Promise<number> {
    if (engine || closing) return 3_600_000;
    const cluster = embedded ? await readCluster(other.pool) : await preparation.prepare();
    if (cluster === null || closing) return 3_600_000;
    if (embedded) await endReplicas(other.pool);
    await registerSubscribers(
      other.pool,
      subscribers.map(({ name }) => name),
    );
    await seedBindings({ ...useCases, database: other }, settings.roleBindings);
    // Nothing below this line fails: what is begun here must not be begun again.
    loops.push(...(await startBackground(useCases, { other, namespaces, clock, log, started, engine: () => engine })));
    signals = createSignals({
      redis: secrets.redis && redis && { connection: redis, source: secrets.redis },
      ...{ postgres: embedded ? null : connection, cluster: cluster.id, process: processId, log, clock },
      receiver: live.receiver,
    });
    tokens = createRunTokens(cluster.secret);
    identity.useSecret(cluster.secret);
    runIds = createRunIds(cluster.id);
    engine = startEngine({
      clock,
      time,
      log,
      metrics,
      namespaces,
      calendar,
      random: Math.random,
      turns: holdingTurns,
      db: pools,
      lock: redis ? createRedisLock(redis, cluster.id, log) : noLock,
      executors,
      execute: executors.execute,
      breakers: executors.breakers,
      tokens,
      runIds,
      runs,
      ...live.forEngine,
      signal: (signal) => signals.send(signal),
      maxConcurrent: settings.maxConcurrentRuns,
      weightOf: namespaces.weightOf,
      preClaimedBatches: pools.preClaimedBatches,
      leaseTtlMs: settings.leaseTtlMs,
      historyRetentionMs: settings.historyRetentionMs,
      ...{ auditRetentionMs: settings.auditRetentionMs, statsRetentionMs: settings.statsRetentionMs },
      onHeld: endFirstTry,
      onLoaded: () =>
        void executors.warmUp().then(
          (calls) => log.debug({ calls }, 'warmed up'),
          (error) => log.debug({ err: error }, 'could not warm up'),
        ),
      identity: { version, tz, host: hostname(), pid: process.pid },
    });
    if (embedded) loops.push(maintainEmbedded(other, { clock, log }));
    const running = engine;
    metrics.observeState(() => {
      const state = running.state();
      return {
        ...state,
        dependencies: { postgres: state.leaseRemainingMs > 0, ...(redis ? { redis: redis.up() } : {}) },
      };
    });
    return 3_600_000;
  }

  const firstTimer = clock.after(firstTryMs, endFirstTry);
  // Postgres may come later than this process: until then it listens, is not ready, and tries again.
  const boot = startLoop({
    name: 'boot',
    clock,
    log,
    retryMs: 1_000,
    step: () =>
      start().finally(() => {
        if (engine === null) endFirstTry();
      }),
  });

  const url = await app.listen({
    host: settings.host,
    port: settings.port,
    listenTextResolver: (address) => `accepting connections; the console is at ${address}${settings.basePath}/console/`,
  });
  log.info({ url, tz, store: embedded ? 'embedded' : 'postgres', redis: redis !== null }, 'listening');
  return {
    url,
    async stop() {
      closing = true;
      live.drain();
      firstTimer.cancel();
      endFirstTry();
      // A migration that waits for another replica's must not hold this up.
      await Promise.race([boot.stop(), new Promise<void>((resume) => clock.after(bootWaitMs, resume))]);
      // Connections that a balancer keeps are told to close with their next answer: give them the time for one.
      const partedAt = clock.monotonic() + (isLoopback(settings.host) ? 0 : farewellMs);
      await engine?.stop(settings.shutdownGraceMs);
      await new Promise<void>((resume) => clock.after(Math.max(0, partedAt - clock.monotonic()), resume));
      executors.close();
      await app.close();
      await identity.close();
      live.stop();
      signals.close();
      redis?.close();
      await Promise.all(loops.map((each) => each.stop()));
      if (embedded)
        await checkpoint(other).catch((error) => log.warn({ err: error }, 'the last checkpoint of the store failed'));
      await closePools(pools);
      await embedded?.stop();
      metrics.close();
    },
  };
}
