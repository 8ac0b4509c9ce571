/**
 * The completer writes down how attempts ended, a batch to a statement, one statement at a time.
 *
 *     added ── awaited by a caller ────────────────────────> ready ──> being written ──> written, or fenced off
 *       │                                                       ▲             │
 *       └── a plain success, while calls wait ──> deferred ─────┘             └── failed: ready again after 250 ms
 *                                                 until its instant, or until calls no longer wait
 */

import type { Clock } from '../../clock.ts';
import type { Logger } from '../../observability/log.ts';
import type { Queryable } from '../../store/postgres/database.ts';
import { isBadData } from '../../store/postgres/failure.ts';
import {
  completeRuns,
  type HandOver,
  handOverRuns,
  type OutcomeWrite,
} from '../../store/runs/completing/outcome-writes.ts';

/** One write that is to be made. */
type PendingWrite = {
  /** Whose attempt it was. */
  owner: string;
  /** The write may be deferred until this instant (monotonic milliseconds) while calls wait. */
  deferUntil: number;
  /** Called with true when it was written, with false when it was fenced off. */
  done: (written: boolean) => void;
};
export type PendingOutcomeWrite = PendingWrite & { outcomeWrite: OutcomeWrite };
/** The write about an attempt that is not over. */
export type PendingHandOver = PendingWrite & { handOver: HandOver };
type Pending = PendingOutcomeWrite | PendingHandOver;

export type Completer = {
  add(item: Pending): void;
  /** The runs about which something has still to be written. */
  holds(): string[];
  /** Resolves when everything added so far is written, or `withinMs` have passed. */
  drain(withinMs: number): Promise<void>;
};

/** Leaves of an outcome only the parts that Postgres cannot refuse. */
function bare(outcomeWrite: OutcomeWrite): OutcomeWrite {
  const { error, record } = outcomeWrite;
  const message = 'the outcome could not be stored as it was';
  return {
    ...outcomeWrite,
    output: null,
    error: error && { kind: error.kind, message },
    record: record && { ...record, error: record.error && { kind: record.error.kind, message } },
  };
}

function bareItem(item: Pending): void {
  if ('outcomeWrite' in item) item.outcomeWrite = bare(item.outcomeWrite);
  else if (item.handOver.held) item.handOver.held.output = null;
}

const isOutcomeWrite = (item: Pending): item is PendingOutcomeWrite => 'outcomeWrite' in item;

const runIdOf = (item: Pending) => (isOutcomeWrite(item) ? item.outcomeWrite.runId : item.handOver.runId);

const batchSize = 1_000;
const retryMs = 250;
const lookAgainMs = 10;
/** After a statement with fewer writes, others are gathered where several namespaces share the replica. */
const gather = { below: 100, ms: 10 };

/** `callsWait`: whether calls wait to be made, which then come first. `isShared`: whether several namespaces fire here. */
export function createCompleter(
  db: Queryable,
  clock: Clock,
  log: Logger,
  callsWait: () => boolean,
  isShared: () => boolean,
): Completer {
  /** To be written now, in the order in which they came. */
  let ready: Pending[] = [];
  /** Deferred, in the order of their instants. Those before the index `laterFrom` are in `ready`. */
  let later: (Pending | null)[] = [];
  let laterFrom = 0;
  let lastDeferred = -Infinity;
  let writing = false;
  const stripped = new WeakSet<Pending>();
  const drained: (() => void)[] = [];

  const pause = (ms: number) => new Promise<void>((resume) => clock.after(ms, resume));

  const size = () => ready.length + later.length - laterFrom;

  function defer(item: Pending): boolean {
    // A write that belongs before others is written at once: searching its place costs more.
    if (item.deferUntil <= clock.monotonic() || item.deferUntil < lastDeferred) return false;
    lastDeferred = item.deferUntil;
    later.push(item);
    return true;
  }

  /** Moves the writes that have been deferred for long enough to `ready`. */
  function bringIn(): void {
    const isOver = drained.length > 0 || !callsWait();
    const now = clock.monotonic();
    for (let item = later[laterFrom]; item && (isOver || item.deferUntil <= now); item = later[laterFrom]) {
      ready.push(item);
      later[laterFrom++] = null;
    }
    if (laterFrom * 2 < later.length) return;
    later = later.slice(laterFrom);
    laterFrom = 0;
    if (later.length === 0) lastDeferred = -Infinity;
  }

  /** The first write and others of its kind and owner. A statement is guarded by one owner. */
  function nextBatch(most: number): Pending[] {
    const batch: Pending[] = [];
    const [first] = ready;
    for (const item of ready) {
      if (batch.length === most) break;
      if (item.owner === first?.owner && isOutcomeWrite(item) === isOutcomeWrite(first)) batch.push(item);
    }
    return batch;
  }

  function finish(batch: readonly Pending[], written: ReadonlySet<string>): void {
    const done = new Set(batch);
    ready = ready.filter((item) => !done.has(item));
    for (const item of batch) item.done(written.has(runIdOf(item)));
  }

  /** All of a batch are of one kind. */
  function write(owner: string, batch: Pending[]): Promise<Set<string>> {
    const outcomeWrites = batch.filter(isOutcomeWrite).map((item) => item.outcomeWrite);
    if (outcomeWrites.length > 0) return completeRuns(db, owner, outcomeWrites);
    return handOverRuns(
      db,
      owner,
      batch.flatMap((item) => (isOutcomeWrite(item) ? [] : [item.handOver])),
    );
  }

  async function flush(): Promise<void> {
    writing = true;
    /** How many writes are made one by one, because Postgres refused them together. */
    let suspects = 0;
    let failures = 0;
    while (size() > 0) {
      bringIn();
      const batch = nextBatch(suspects > 0 ? 1 : batchSize);
      const [first] = batch;
      if (first === undefined) {
        await pause(lookAgainMs);
        continue;
      }
      try {
        finish(batch, await write(first.owner, batch));
        suspects = Math.max(0, suspects - batch.length);
        if (failures > 0) log.info({ failures }, 'outcomes are written again');
        failures = 0;
        if (batch.length < gather.below && size() > 0 && isShared()) await pause(gather.ms);
      } catch (error) {
        failures++;
        // An outage is logged when it begins and then every half a minute.
        if (failures % 100 === 1)
          log.error({ err: error, waiting: size(), failures }, 'outcomes could not be written; trying again');
        // One outcome that Postgres refuses must not hold up the others. It is found by writing them one by one, and
        // then written without its texts.
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
      if (!defer(item)) ready.push(item);
      // Attempts that end in the same turn of the event loop share the statement.
      if (!writing) {
        writing = true;
        setImmediate(flush);
      }
    },
    holds: () => [...ready, ...later.slice(laterFrom)].flatMap((item) => (item ? [runIdOf(item)] : [])),
    drain(withinMs) {
      if (size() === 0 && !writing) return Promise.resolve();
      return new Promise((resolve) => {
        drained.push(resolve);
        clock.after(withinMs, resolve);
      });
    },
  };
}
