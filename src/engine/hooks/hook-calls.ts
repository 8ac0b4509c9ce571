/** Calls hooks: takes the calls that are due, makes them within bounds of their own, and writes down their results. */

import type { Clock } from '../../clock.ts';
import type { Attempt, Outcome } from '../../executors/executor.ts';
import type { Registry } from '../../executors/registry.ts';
import type { Logger } from '../../observability/log.ts';
import { isBadData } from '../../store/postgres/failure.ts';
import { type CallSlotsOptions, createCallSlots } from '../attempts/call-slots.ts';
import type { DatabaseTime } from '../cluster/database-time.ts';
import type { Lease } from '../cluster/lease.ts';
import { type Loop, startLoop } from '../loop.ts';

/**
 * Why a call is not made now. `busy`: too many calls to its host are under way. `slow`: these also take long.
 * `deferred`: the executor had no connection for it. `shutdown`: the replica is stopping.
 */
export type PutBackCause = 'busy' | 'slow' | 'deferred' | 'shutdown';

/** One kind of calls. `Row` is a call that is due, `End` its result. */
export type HookWork<Row, End> = {
  name: string;
  bounds: Omit<CallSlotsOptions, 'monotonic'>;
  /** Takes at most `limit` calls that are due. Other replicas may take those whose result is not written in time. */
  take(limit: number, now: number): Promise<Row[]>;
  /** The call to make; null where it is no longer needed. */
  call(row: Row): Attempt | null;
  /** The result of an answer; `outcome` is null where there was no call to make. */
  answered(row: Row, outcome: Outcome | null, now: number): End;
  /** `pauseMs`: how long the executor asks to wait, for `deferred`; else 0. */
  putBack(row: Row, why: PutBackCause, now: number, pauseMs: number): End;
  /** Writes the results down that came since the last time. */
  write(ends: End[], now: number): Promise<void>;
};

export type HookCallsOptions = {
  clock: Clock;
  time: DatabaseTime;
  log: Logger;
  lease: Pick<Lease, 'held'>;
  executors: Pick<Registry, 'start' | 'groupOf' | 'hookTarget'>;
};

const pollMs = 1_000;
/** How long a replica that shuts down lets calls end by themselves. */
const farewellMs = 1_000;

/** Starts the loop. To be woken when something is due; stopping it puts back the calls under way. */
export function startHookCalls<Row, End>(work: HookWork<Row, End>, options: HookCallsOptions): Loop {
  const { clock, time, log, lease, executors } = options;
  const slots = createCallSlots({ monotonic: clock.monotonic, ...work.bounds });
  const cancels = new Set<() => void>();
  const ends: End[] = [];
  let onIdle: (() => void) | null = null;

  async function write(): Promise<void> {
    const batch = [...ends];
    if (batch.length === 0) return;
    try {
      await work.write(batch, time.now());
    } catch (error) {
      // A result that cannot be written now is written with the next pass. A result that can never be written must not
      // hold up others.
      if (!isBadData(error)) throw error;
      log.error(
        { err: error, loop: work.name },
        'Postgres refused the results of calls to hooks: the calls are repeated',
      );
    }
    ends.splice(0, batch.length);
  }

  function start(row: Row): void {
    const attempt = work.call(row);
    if (attempt === null) return void ends.push(work.answered(row, null, time.now()));
    const group = executors.groupOf(attempt.target);
    const refusal = slots.refusal(group);
    if (refusal !== null) return void ends.push(work.putBack(row, refusal, time.now(), 0));
    const leave = slots.enter(group);
    const { outcome, cancel } = executors.start(attempt);
    cancels.add(cancel);
    void outcome.then((outcome) => {
      leave();
      cancels.delete(cancel);
      ends.push(endOf(row, outcome, time.now()));
      loop.wake();
      if (cancels.size === 0) onIdle?.();
    });
  }

  function endOf(row: Row, outcome: Outcome, now: number): End {
    if (outcome.status === 'cancelled') return work.putBack(row, 'shutdown', now, 0);
    if (outcome.deferred !== null) return work.putBack(row, 'deferred', now, outcome.deferred.ms);
    return work.answered(row, outcome, now);
  }

  function idle(withinMs: number): Promise<void> {
    if (cancels.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      onIdle = resolve;
      clock.after(withinMs, resolve);
    });
  }

  const loop = startLoop({
    name: work.name,
    clock,
    log,
    retryMs: 500,
    async step() {
      await write();
      const limit = slots.free();
      if (limit === 0 || !lease.held()) return pollMs;
      const rows = await work.take(limit, time.now());
      for (const row of rows) start(row);
      return ends.length > 0 || rows.length === limit ? 0 : pollMs;
    },
  });

  return {
    wake: loop.wake,
    async stop() {
      await loop.stop();
      await idle(farewellMs);
      for (const cancel of cancels) cancel();
      await idle(farewellMs);
      await write().catch((error: Error) =>
        log.warn(
          { err: error, loop: work.name },
          'the results of the last calls could not be written: the calls are repeated',
        ),
      );
    },
  };
}
