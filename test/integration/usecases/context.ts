/** A context of use cases on a real store, and callers. */

import { setImmediate } from 'node:timers';
import type { Role } from '../../../src/domain/access/role.ts';
import { createCalendar } from '../../../src/domain/schedule/calendar.ts';
import { createNamespaceView } from '../../../src/engine/cluster/namespace-view.ts';
import { createTaskInserts } from '../../../src/store/tasks/inserts.ts';
import { createTurns } from '../../../src/turns.ts';
import type { UseCaseContext } from '../../../src/usecases/context.ts';
import { createForecasts } from '../../../src/usecases/forecast/forecasts.ts';
import type { Caller } from '../../../src/usecases/use-case.ts';
import { httpTargets } from '../../http-targets.ts';
import { outlast } from '../../outlast.ts';
import { runIds, type Store } from '../store/store.ts';

/** What a use case told beside its answer. */
export type Told = { signals: string[]; cancelled: [cause: string, runs: number][] };

/** The clock is the machine's, as the database's is. */
export function contextOn({ database }: Store, told: Told = { signals: [], cancelled: [] }): UseCaseContext {
  const turns = createTurns(() => performance.now(), setImmediate);
  return {
    database,
    namespaces: createNamespaceView(database.pool),
    insertTask: createTaskInserts(database),
    metrics: { cancelled: (cause, runs) => void told.cancelled.push([cause, runs]), skipped() {} },
    calendar: createCalendar(),
    now: Date.now,
    targets: httpTargets,
    faultInAddressRule: () => null,
    startTest: () => null,
    signal: (what) => void told.signals.push(what),
    olderZones: () => null,
    attemptOf: () => null,
    runIds: () => runIds,
    logAudit() {},
    keysOfSettings: () => [],
    forgetCallers() {},
    forecasts: createForecasts(async () => []),
    secretValues: async () => [],
    secretKeys: { off: () => null, ring: async () => [] },
    logs: { limit: 1024 ** 2, takeTurn: async () => () => {}, follow: () => () => {}, look() {} },
    runEnded() {},
    noteRuns() {},
    live: { listen: async () => ({ position: () => 0, since: () => [], close() {} }) },
    random01: Math.random,
    random: (bytes) => crypto.getRandomValues(bytes),
    pause: (ms) => outlast(Date.now() + ms),
    turns,
    holdingTurns: turns,
  };
}

export function callerWith(role: Role): Caller {
  const grants = [{ role, namespace: 'default' }];
  const address = '192.0.2.7';
  return { name: `key:the-${role}`, via: 'key', grants, role, namespace: 'default', address, requestId: 'request-1' };
}
