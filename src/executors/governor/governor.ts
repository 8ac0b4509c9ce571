/**
 * The governor of one group of calls, such as those to one HTTP origin. It decides which calls are made, which wait for
 * a slot, and which are deferred. So a target that is down or hangs costs other targets nothing.
 *
 *     closed ──1──▶ saturated        1  A caller has waited for a second, and calls end so seldom that the next would
 *       │ ◀──2──      │                 wait longer still.
 *       3             3              2  In a second as many quick calls end as there are slots, or half of the slots
 *       ▼             │                 are free, or nothing was under way for ten seconds.
 *      open ◀─────────┘              3  More than `threshold` of the calls in a window timed out or found the target
 *       └──4──▶ closed                  unavailable.
 *                                    4  A probe was answered. One that fails begins the cooldown anew.
 *
 *     closed:    calls are made; without a free slot they wait for one.
 *     saturated: calls are made; without a free slot they are deferred.
 *     open:      calls are deferred, but for a probe after each cooldown. Calls that do not ask `waitMs`, such as hooks,
 *                are made; without a free slot they are deferred.
 *
 * Callers that wait when the state stops being closed are deferred. All times are monotonic milliseconds.
 */

import type { Clock, Timer } from '../../clock.ts';
import type { TurnItem } from '../../domain/turns/turn-queue.ts';
import type { WeightOf } from '../../domain/turns/turns.ts';
import { createCallers } from './callers.ts';

export type GovernorState = 'closed' | 'saturated' | 'open';

/** A resource that one call holds while it is under way, such as a connection. */
export type Slot = { takenAt: number; leftAt: number; namespace: string; destroy(reason: Error): void };

/** `open` makes a slot where none is free. `start` makes the call; `refuse` defers it by `pauseMs`. */
export type Caller<S> = { open(): S; start(slot: S): void; refuse(pauseMs: number): void };

/** Its key is its effective due time. */
type Waiting<S> = TurnItem & { caller: Caller<S>; since: number };

/** The one call that tests whether the target of an open group answers again. */
export type Probe = { startedAt: number };

export type Governor<S extends Slot> = {
  /** How long to wait before a call may be made, in milliseconds; 0 when it may be made now. */
  waitMs(): number;
  /** Notes a call that is made because `waitMs` was 0. Returns its probe where the call is one, else null. */
  begin(): Probe | null;
  /**
   * Notes how a call ended that `begin` noted: `hasFailed` when it timed out or found the target unavailable, null when
   * its end tells nothing of the target.
   */
  learn(probe: Probe | null, hasFailed: boolean | null): void;
  /**
   * Calls `start` once a slot is free for its namespace, or `refuse`. Namespaces take turns; of each the waiting caller
   * with the earliest effective due time comes first, and callers without one before those. The returned function
   * withdraws a caller that still waits.
   */
  enter(caller: Caller<S>, namespace: string, effectiveDueAt?: number): () => void;
  /** In how many milliseconds a caller that cannot wait any longer may come back. */
  pauseMs(): number;
  /** Gives a slot back, exactly once per start; `reusable` only when the call on it ended whole. */
  leave(slot: S, reusable: boolean): void;
  /** For how long it is open, and whether a probe is under way; null in other states. */
  opened(): { msAgo: number; isProbed: boolean } | null;
  /** The instant since which the group is idle; null while calls run or wait. */
  idleSince(): number | null;
  /** Destroys the slots that are not in use. */
  release(reason: Error): void;
};

/** When a group opens, and when it is probed. */
export type CircuitOptions = {
  /** A group opens when more than this share of the calls in a window failed, of at least `minimumCalls`. */
  threshold: number;
  minimumCalls: number;
  /** The length of a window. A window begins with the first call after the previous window. */
  windowMs: number;
  /** How long an open group waits before one call may try. */
  cooldownMs: number;
};

export type GovernorOptions = {
  clock: Pick<Clock, 'monotonic' | 'after'>;
  /** A random number in [0, 1). */
  random: () => number;
  /** The most slots in use at once. */
  most: number;
  weightOf: WeightOf;
  circuit: CircuitOptions;
  /** `from` and `to` are the same when a probe begins. */
  onChange: (from: GovernorState, to: GovernorState) => void;
};

/**
 * Measured: 64 sockets serve a quick target best (512 cost 15 % more CPU a call, and each one a connect).
 * A target whose answers take longer than `slowAnswerMs` gets twice as many, again and again, up to `most`.
 */
const initialSlots = 64;
const slowAnswerMs = 20;
/** A group left alone for so long starts small again. */
const forgetSlownessMs = 10_000;
/**
 * The longest time for which a caller waits. A waiting caller holds a slot of the replica, so a target that hangs costs
 * the others at most a second. A target that answers within a second on average frees slots quickly enough.
 */
const mostWaitMs = 1_000;
/** When deferred callers come back: soon enough for a target that recovers, seldom enough to cost little. */
const leastPauseMs = 2_000;
const longestPauseMs = 30_000;
/** After this another call may probe too: a target that never ends an attempt of a day must not stop the others. */
const probeTimeoutMs = 30_000;

const surplus = new Error('the connection is of no further use');

export function createGovernor<S extends Slot>(options: GovernorOptions): Governor<S> {
  const { clock, random, most, circuit, onChange } = options;
  const { monotonic } = clock;
  const fewest = Math.min(initialSlots, most);
  const free: S[] = [];
  const queue = createCallers<Waiting<S>>(options.weightOf, monotonic);
  let state: GovernorState = 'closed';
  let busy = 0;
  let limit = fewest;
  let quietSince = monotonic();
  let askedAt = quietSince;
  let comeBackAt = 0;
  /** Runs while callers wait. */
  let watch: Timer | null = null;
  /** Calls that ended in the second from `from` on, and of them those after `lookedAt`. */
  let second = { from: 0, ended: 0 };
  let lookedAt = 0;
  let endedSince = 0;
  let slowLooks = 0;
  let sample = { from: quietSince, calls: 0, failures: 0 };
  let probe: Probe | null = null;
  let openedAt = 0;

  /** The only place where the state changes. */
  function go(to: GovernorState): void {
    if (state === to) return;
    const from = state;
    state = to;
    second = { from: monotonic(), ended: 0 };
    probe = null;
    // An open group may use every slot: calls that hang on some must not keep a probe from being made.
    if (to === 'open') limit = most;
    if (from === 'open') resize(fewest);
    if (to !== 'closed') for (const { caller } of queue.empty()) caller.refuse(pauseMs());
    onChange(from, to);
  }

  function admit(caller: Caller<S>, namespace: string): void {
    const slot = free.pop() ?? caller.open();
    busy++;
    slot.namespace = namespace;
    queue.note(namespace, 1);
    slot.takenAt = monotonic();
    caller.start(slot);
  }

  function fill(): void {
    for (let next = queue.next(limit - busy, limit); next; next = queue.next(limit - busy, limit))
      admit(next.caller, next.namespace);
  }

  function resize(to: number): void {
    limit = to;
    slowLooks = 0;
    for (const slot of free.splice(to)) slot.destroy(surplus);
  }

  /** Gives a slow target more slots; once it has all, and calls end too seldom to wait for them, it is saturated. */
  function look(): void {
    watch = null;
    const first = queue.peek();
    if (first === undefined) return;
    const now = monotonic();
    // By Little's law.
    const meanMs = (ended: number, elapsed: number) => (limit * elapsed) / ended;
    // A timer that fires late shows that this process is slow, not the target. More slots would only add to its work.
    const isLate = now - lookedAt > 2 * slowAnswerMs;
    slowLooks = !isLate && meanMs(endedSince, now - lookedAt) > slowAnswerMs ? slowLooks + 1 : 0;
    // Twice in a row, because once may be a pause.
    if (slowLooks > 1) limit = Math.min(most, limit * 2);
    const elapsed = now - second.from;
    if (elapsed >= mostWaitMs) {
      // After more than two seconds this process was halted, so no call could end.
      const isJudged = now - first.since >= mostWaitMs && elapsed <= 2 * mostWaitMs;
      if (isJudged && meanMs(second.ended, elapsed) > mostWaitMs) {
        if (limit === most) {
          go('saturated');
          return;
        }
        // So slow a target may have all slots, even where this process was too busy to give it more.
        limit = most;
      }
      second = { from: now, ended: 0 };
    }
    lookAgain(now);
    fill();
  }

  function lookAgain(now: number): void {
    lookedAt = now;
    endedSince = 0;
    watch = clock.after(limit < most ? slowAnswerMs : second.from + mostWaitMs - now, look);
  }

  function noteEnd(tookMs: number, now: number): void {
    endedSince++;
    // While no caller waits, calls that timed out do not show that the target answers again.
    if (state === 'saturated' && tookMs >= mostWaitMs) return;
    if (state === 'saturated' && now - second.from > mostWaitMs) second = { from: now, ended: 0 };
    second.ended++;
    if (state === 'saturated' && (second.ended >= limit || busy * 2 < limit)) go('closed');
  }

  function pauseMs(): number {
    const now = monotonic();
    // Deferred callers come back one after the other. Calls that take more than a second free fewer than `most` slots a
    // second. So `most` callers a second leave no slot idle, and thousands do not ask in vain every few seconds.
    const next = Math.max(comeBackAt, now + leastPauseMs) + 1_000 / most;
    comeBackAt = Math.min(next, now + longestPauseMs);
    return Math.ceil((comeBackAt - now) * (1 + random() / 2));
  }

  return {
    waitMs() {
      askedAt = monotonic();
      if (state !== 'open') return 0;
      const left = openedAt + circuit.cooldownMs - askedAt;
      if (left > 0) return left;
      return probe === null || askedAt - probe.startedAt >= probeTimeoutMs ? 0 : circuit.cooldownMs / 10;
    },
    begin() {
      if (state !== 'open') return null;
      probe = { startedAt: monotonic() };
      onChange(state, state);
      return probe;
    },
    learn(ended, hasFailed) {
      const isLatest = probe === ended;
      if (isLatest) probe = null;
      if (hasFailed === null) return;
      // The end of a call that was under way when the group opened is ignored, and so is a failed probe that is not the
      // latest.
      if (state === 'open' && (ended === null || (hasFailed && !isLatest))) return;
      const now = monotonic();
      const isAnswered = state === 'open' && !hasFailed;
      if (isAnswered || now - sample.from >= circuit.windowMs) sample = { from: now, calls: 0, failures: 0 };
      sample.calls++;
      if (hasFailed) sample.failures++;
      if (isAnswered) return go('closed');
      const isDown = sample.calls >= circuit.minimumCalls && sample.failures > circuit.threshold * sample.calls;
      if (!hasFailed || (state !== 'open' && !isDown)) return;
      openedAt = now;
      go('open');
    },
    enter(caller, namespace, effectiveDueAt = -Infinity) {
      if (busy === 0 && queue.size() === 0 && state !== 'open' && monotonic() - quietSince >= forgetSlownessMs) {
        go('closed');
        if (limit !== fewest) resize(fewest);
      }
      // Callers that wait already come first.
      if (queue.mayEnter(namespace, limit - busy, limit)) {
        admit(caller, namespace);
        return () => {};
      }
      if (state !== 'closed') {
        caller.refuse(pauseMs());
        return () => {};
      }
      const waiting = { namespace, key: effectiveDueAt, place: -1, caller, since: monotonic() };
      queue.put(waiting);
      if (watch === null) {
        second = { from: waiting.since, ended: 0 };
        lookAgain(waiting.since);
      }
      return () => queue.remove(waiting);
    },
    pauseMs,
    leave(slot, reusable) {
      busy--;
      queue.note(slot.namespace, -1);
      slot.leftAt = monotonic();
      noteEnd(slot.leftAt - slot.takenAt, slot.leftAt);
      if (reusable) free.push(slot);
      else slot.destroy(surplus);
      // The owner of the call may still be updating its own state.
      if (queue.size() > 0) queueMicrotask(fill);
      else if (busy === 0) quietSince = slot.leftAt;
    },
    opened: () => (state === 'open' ? { msAgo: Math.round(monotonic() - openedAt), isProbed: probe !== null } : null),
    idleSince: () => (busy === 0 && queue.size() === 0 ? Math.max(quietSince, askedAt) : null),
    release(reason) {
      watch?.cancel();
      watch = null;
      for (const slot of free.splice(0)) slot.destroy(reason);
    },
  };
}
