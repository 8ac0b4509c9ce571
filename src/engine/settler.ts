/** Writes down how attempts ended: one statement at a time, with everything that came in meanwhile; later while calls wait. */

import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Queryable } from '../store/database.ts';
import { isBadData } from '../store/failure.ts';
import { type Parting, partWithRuns, type Settlement, settleRuns } from '../store/settlements.ts';

/** What is to be written. */
type PendingWrite = {
  /** Whose attempt it was. */
  owner: string;
  /** While calls wait to be made this may wait as well: until this instant of the monotonic clock, in milliseconds. */
  putOffUntil: number;
  /** Told whether it was written (true) or fenced off. */
  done: (written: boolean) => void;
};
export type PendingSettlement = PendingWrite & { settlement: Settlement };
/** For an attempt that is not over. */
export type PendingParting = PendingWrite & { parting: Parting };
type Pending = PendingSettlement | PendingParting;

export type Settler = {
  add(item: Pending): void;
  /** Whether something about this run has still to be written. */
  holds(runId: string): boolean;
  /** Resolves when everything added so far is written, or `withinMs` have passed. */
  drain(withinMs: number): Promise<void>;
};

/** Leaves of an outcome only what cannot be refused. */
function bare(settlement: Settlement): Settlement {
  const { error, record } = settlement;
  const message = 'the outcome could not be stored as it was';
  return {
    ...settlement,
    output: null,
    error: error && { kind: error.kind, message },
    record: record && { ...record, error: record.error && { kind: record.error.kind, message } },
  };
}

function bareItem(item: Pending): void {
  if ('settlement' in item) item.settlement = bare(item.settlement);
  else if (item.parting.accepted) item.parting.accepted.output = null;
}

const isSettlement = (item: Pending): item is PendingSettlement => 'settlement' in item;

const runIdOf = (item: Pending) => (isSettlement(item) ? item.settlement.runId : item.parting.runId);

const batchSize = 1_000;
const retryMs = 250;
const lookAgainMs = 10;

/** `callsWait` tells whether calls are waiting to be made, which then come first. */
export function createSettler(db: Queryable, clock: Clock, log: Logger, callsWait: () => boolean): Settler {
  /** In the order in which they came. */
  const queue = new Set<Pending>();
  const byRun = new Map<string, Pending>();
  let writing = false;
  const stripped = new WeakSet<Pending>();
  const drained: (() => void)[] = [];

  const pause = (ms: number) => new Promise<void>((resume) => clock.after(ms, resume));

  /** What is not put off. */
  function due(): Pending[] {
    const all = [...queue];
    if (drained.length > 0 || !callsWait()) return all;
    const now = clock.monotonic();
    return all.filter(({ putOffUntil }) => putOffUntil <= now);
  }

  function finish(batch: readonly Pending[], written: ReadonlySet<string>): void {
    for (const item of batch) {
      const runId = runIdOf(item);
      queue.delete(item);
      if (byRun.get(runId) === item) byRun.delete(runId);
    }
    for (const item of batch) item.done(written.has(runIdOf(item)));
  }

  /** All of a batch are of one kind. */
  function write(owner: string, batch: Pending[]): Promise<Set<string>> {
    const settlements = batch.filter(isSettlement).map((item) => item.settlement);
    if (settlements.length > 0) return settleRuns(db, owner, settlements);
    return partWithRuns(
      db,
      owner,
      batch.flatMap((item) => (isSettlement(item) ? [] : [item.parting])),
    );
  }

  async function flush(): Promise<void> {
    writing = true;
    /** How many are to be written one by one, because together they were refused. */
    let suspects = 0;
    let failures = 0;
    while (queue.size > 0) {
      const ready = due();
      const [first] = ready;
      if (first === undefined) {
        await pause(lookAgainMs);
        continue;
      }
      // An incarnation that was fenced off and its successor never share a statement: the fence names one owner.
      const { owner } = first;
      const alike = ready.filter((item) => item.owner === owner && isSettlement(item) === isSettlement(first));
      const batch = alike.slice(0, suspects > 0 ? 1 : batchSize);
      try {
        finish(batch, await write(owner, batch));
        suspects = Math.max(0, suspects - batch.length);
        if (failures > 0) log.info({ failures }, 'outcomes are written again');
        failures = 0;
      } catch (error) {
        failures++;
        // An outage is told when it begins and every half a minute, not four times a second.
        if (failures % 100 === 1)
          log.error({ err: error, waiting: queue.size, failures }, 'outcomes could not be written; trying again');
        // One outcome that Postgres will not take must not hold up the others: find it alone, then keep its bare end.
        const [only] = batch;
        if (isBadData(error) && (batch.length > 1 || (only && !stripped.has(only)))) {
          if (only && batch.length === 1) {
            bareItem(only);
            stripped.add(only);
          }
          suspects = Math.max(suspects, batch.length);
          continue;
        }
        await pause(retryMs);
      }
    }
    writing = false;
    for (const resolve of drained.splice(0)) resolve();
  }

  return {
    add(item) {
      queue.add(item);
      byRun.set(runIdOf(item), item);
      // What ends in the same turn of the event loop shares the statement.
      if (!writing) {
        writing = true;
        setImmediate(flush);
      }
    },
    holds: (runId) => byRun.has(runId),
    drain(withinMs) {
      if (queue.size === 0 && !writing) return Promise.resolve();
      return new Promise((resolve) => {
        drained.push(resolve);
        clock.after(withinMs, resolve);
      });
    },
  };
}
