/** The metrics: their names and labels, behind methods that are cheap enough for the firing path. */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { openMetricsOf, openMetricsType } from './exemplars.ts';
import { createRunSeries } from './run-series.ts';
import { type GaugeState, registerStateGauges } from './state-gauges.ts';
import { watchLag } from './timer-lag.ts';

export type MetricsOptions = {
  /** `id`: a series for each task up to `taskLimit` of them, the rest in `_other`. `none`: all of them in `_other`. */
  taskLabel: 'id' | 'none';
  /** 1,000 when absent. */
  taskLimit?: number;
  /** So many namespaces have series of their own, the rest share `_other`; 100 when absent. */
  namespaceLimit?: number;
  /** Of the program, for `build_info`. */
  version: string;
  /** Monotonic milliseconds. */
  monotonic: () => number;
  /** Epoch milliseconds, for the instants of exemplars. */
  now: () => number;
};

export type { GaugeState };
export type Metrics = ReturnType<typeof createMetrics>;

/** Counts into a registry of its own, so that two replicas can live in one process. Methods need no `this`. */
export function createMetrics(options: MetricsOptions) {
  const { taskLabel, taskLimit = 1_000, namespaceLimit = 100, version, monotonic, now } = options;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const lag = watchLag(monotonic);
  new Gauge({
    name: 'build_info',
    help: '1, with the version that runs',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.versions.node }, 1);

  const series = createRunSeries({ registry, taskLabel, taskLimit, namespaceLimit, now });
  const claims = new Counter({
    name: 'scheduler_claims_total',
    help: 'Due occurrences by what became of them here',
    labelNames: ['outcome'],
    registers,
  });
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to answer a request, by route template',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const shed = new Counter({
    name: 'http_requests_shed_total',
    help: 'Requests refused because too many were under way',
    registers,
  });
  const givenUp = new Counter({
    name: 'http_connections_given_up_total',
    help: 'Connections ended by the service: pipelining without end, answers unread, bodies unsent, too many, or no HTTP',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of ['pipelining', 'unread', 'unsent', 'crowded', 'malformed']) givenUp.inc({ reason }, 0);
  /** Counted here, because hundreds may be sent at once, and labels are looked up slowly. */
  const eventsSent = new Map(['hello', 'runs', 'tasks', 'cluster', 'resync'].map((event) => [event, 0]));
  new Counter({
    name: 'http_stream_events_total',
    help: 'Live events sent on streams; `resync` where a client may have missed some',
    labelNames: ['event'],
    registers,
    collect() {
      this.reset();
      for (const [event, count] of eventsSent) this.inc({ event }, count);
    },
  });
  const refusedCredentials = new Counter({
    name: 'http_credentials_refused_total',
    help: 'Requests turned away for their credentials: missing, invalid, without a role, or not to be checked just now',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of ['missing', 'invalid', 'no_role', 'unavailable']) refusedCredentials.inc({ reason }, 0);
  const fenced = new Counter({
    name: 'scheduler_fenced_writes_total',
    help: 'Outcomes dropped because the run had been taken away',
    registers,
  });
  const taken = new Counter({
    name: 'scheduler_taken_over_total',
    help: 'Runs taken from replicas whose lease was over',
    registers,
  });
  const stuckRuns = new Counter({
    name: 'scheduler_stuck_runs_total',
    help: 'Runs that were held for this replica though no attempt of them was here, and were taken up',
    registers,
  });
  const swept = new Counter({
    name: 'scheduler_sweep_found_total',
    help: 'Occurrences that were due and had no run: repaired in time, or recorded as missed',
    labelNames: ['outcome'],
    registers,
  });
  // Counters exist from the start: for Prometheus, a counter that first appears with a 1 has not increased.
  for (const outcome of ['repaired', 'missed']) swept.inc({ outcome }, 0);
  const hooks = new Counter({
    name: 'scheduler_hook_deliveries_total',
    help: 'Calls to hooks: delivered, to be retried or dropped; of before hooks passed, skipped or failed',
    labelNames: ['hook', 'outcome'],
    registers,
  });
  const breakerChanges = new Counter({
    name: 'scheduler_breaker_changes_total',
    help: 'Circuits to origins of targets that went to this state',
    labelNames: ['state'],
    registers,
  });
  const deferrals = new Counter({
    name: 'scheduler_deferred_total',
    help: "Attempts deferred without a call: the target's circuit is open, or calls that do not end fill its origin",
    labelNames: ['cause'],
    registers,
  });
  for (const cause of ['circuit_open', 'origin_full']) deferrals.inc({ cause }, 0);
  const skips = new Counter({
    name: 'scheduler_skipped_total',
    help: 'Runs that never started, by reason: overlap, replaced, or a before hook',
    labelNames: ['reason'],
    registers,
  });
  const cancellations = new Counter({
    name: 'scheduler_cancelled_total',
    help: 'Runs cancelled before they started, or asked to be aborted, by what did it: a request, stop, delete or replace',
    labelNames: ['by'],
    registers,
  });
  const limited = new Gauge({
    name: 'scheduler_limited_waiting',
    help: 'Due runs of the cluster that wait, by the kind of limit that holds them up, or for a slot',
    labelNames: ['limit'],
    registers,
  });
  const limitWait = new Histogram({
    name: 'scheduler_limit_wait_seconds',
    help: 'Time that an attempt of a task with limits was due before its limits let it through',
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1_800, 3_600],
    registers,
  });
  new Gauge({
    name: 'scheduler_event_loop_lag_seconds',
    help: '99th percentile of the delay of timers in the last 15 to 30 seconds, whoever scrapes',
    registers,
    collect() {
      this.set(lag.seconds());
    },
  });

  return {
    runCompleted: series.completed,
    forgetTask: series.forgetTask,
    forgetNamespace: series.forgetNamespace,
    /** Due occurrences that ended in `outcome` here. */
    claims(outcome: string, count: number): void {
      if (count > 0) claims.inc({ outcome }, count);
    },
    /** Runs that were written down as skipped here. */
    skipped(reason: 'overlap' | 'replaced' | 'before_hook', count: number): void {
      if (count > 0) skips.inc({ reason }, count);
    },
    /** Runs that are cancelled here, or on their way to it. */
    cancelled(by: 'request' | 'stop' | 'change' | 'delete' | 'replace', count: number): void {
      if (count > 0) cancellations.inc({ by }, count);
    },
    /** A circuit opened, was probed, or closed. */
    breakerChanged(state: string): void {
      breakerChanges.inc({ state });
    },
    /** An attempt was deferred without a call. */
    deferred(cause: 'circuit_open' | 'origin_full'): void {
      deferrals.inc({ cause });
    },
    /** How many due runs with limits wait, by the kind of limit. */
    limitedWaiting(counts: Readonly<Record<string, number>>): void {
      for (const [limit, count] of Object.entries(counts)) limited.set({ limit }, count);
    },
    /** One attempt was let through by its limits. */
    limitPassed(waitedMs: number): void {
      limitWait.observe(waitedMs / 1_000);
    },
    fencedWrite(): void {
      fenced.inc();
    },
    /** Runs taken from dead replicas. */
    takenOver(count: number): void {
      if (count > 0) taken.inc(count);
    },
    /** Stuck runs of this replica that were rescued. */
    stuckRunsFound(count: number): void {
      if (count > 0) stuckRuns.inc(count);
    },
    /** The findings of one sweep. */
    sweepFound(repaired: number, missed: number): void {
      if (repaired > 0) swept.inc({ outcome: 'repaired' }, repaired);
      if (missed > 0) swept.inc({ outcome: 'missed' }, missed);
    },
    /** One call to a hook and its result. */
    hookCalled(hook: string, outcome: string): void {
      hooks.inc({ hook, outcome });
    },
    /** One answered request; `route` is the template, such as `/tasks/:id`, and never the path. */
    requestAnswered(method: string, route: string, status: number, durationMs: number): void {
      requests.observe({ method, route, status }, durationMs / 1_000);
    },
    /** A request was refused because too many are under way. */
    requestShed(): void {
      shed.inc();
    },
    /** A live event was sent on a stream. */
    eventSent(event: string): void {
      eventsSent.set(event, (eventsSent.get(event) ?? 0) + 1);
    },
    /** Where the number of open streams is read at each scrape. To be called once. */
    observeStreams(open: () => number): void {
      new Gauge({
        name: 'http_streams_open',
        help: 'Streams that are open, and polls of workers that wait',
        registers,
        collect() {
          this.set(open());
        },
      });
    },
    connectionGivenUp(reason: string): void {
      givenUp.inc({ reason });
    },
    credentialsRefused(reason: string): void {
      refusedCredentials.inc({ reason });
    },
    /** Where the gauges take their values from at each scrape. To be called once. */
    observeState: (state: () => GaugeState): void => registerStateGauges(registry, state),
    /** The body of `/metrics`: OpenMetrics with exemplars, or Prometheus' own text. */
    async page(openMetrics: boolean): Promise<{ contentType: string; text: string }> {
      const text = await registry.metrics();
      return openMetrics
        ? { contentType: openMetricsType, text: openMetricsOf(text, series.exemplars.bySample()) }
        : { contentType: registry.contentType, text };
    },
    /** Stops measuring. */
    close(): void {
      lag.stop();
      registry.clear();
    },
  };
}
