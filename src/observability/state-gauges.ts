/** The gauges of a replica's state, read at each scrape. */

import { Gauge, type Registry } from 'prom-client';

/** Values that are read at each scrape. A clock offset is positive where the database is ahead. */
export type GaugeState = {
  running: number;
  tasks: number;
  leaseRemainingMs: number;
  clockOffsetMs: number;
  /** Whether the database's clock says something that is not believed. */
  clockJumped: boolean;
  /** The versions of time zone data: this replica's, and each one of a live replica. */
  zones: { own: string | null; newest: string | null; outdated: boolean; versions: readonly (string | null)[] };
  /** The circuits that are not closed. */
  breakers: readonly { origin: string; state: 'open' | 'half_open' }[];
  dependencies: Record<string, boolean>;
};

/** Adds them. To be called once. */
export function registerStateGauges(registry: Registry, state: () => GaugeState): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: (now: GaugeState) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(state()));
      },
    });
  new Gauge({
    name: 'scheduler_breaker_state',
    help: 'Circuits that are not closed: 1 open, 0.5 half open',
    labelNames: ['origin'],
    registers,
    collect() {
      this.reset();
      for (const { origin, state: circuit } of state().breakers) this.set({ origin }, circuit === 'open' ? 1 : 0.5);
    },
  });
  new Gauge({
    name: 'dependencies_up',
    help: '1 while the dependency can be asked',
    labelNames: ['dependency'],
    registers,
    collect() {
      for (const [dependency, up] of Object.entries(state().dependencies)) this.set({ dependency }, up ? 1 : 0);
    },
  });
  gauge('scheduler_active_tasks', 'Tasks in the timetable', (now) => now.tasks);
  gauge('scheduler_running', 'Attempts running here', (now) => now.running);
  gauge('scheduler_lease_remaining_seconds', 'Time left of the lease; 0 without one', (now) =>
    Math.max(0, now.leaseRemainingMs / 1_000),
  );
  gauge(
    'scheduler_clock_offset_seconds',
    "The database's clock minus this machine's",
    (now) => now.clockOffsetMs / 1_000,
  );
  gauge(
    'scheduler_clock_jumped',
    "1 while nothing is fired because the database's clock jumped by more than a minute",
    (now) => (now.clockJumped ? 1 : 0),
  );
  new Gauge({
    name: 'scheduler_tz_info',
    help: "The version of this replica's time zone data, always 1",
    labelNames: ['version'],
    registers,
    collect() {
      this.set({ version: state().zones.own ?? 'unknown' }, 1);
    },
  });
  gauge(
    'scheduler_tz_versions',
    'Different versions of time zone data among the live replicas; more than 1 is an alarm',
    (now) => now.zones.versions.length,
  );
  gauge(
    'scheduler_tz_outdated',
    '1 while another replica has newer time zone data: tasks in a time zone are left to it',
    (now) => (now.zones.outdated ? 1 : 0),
  );
}
