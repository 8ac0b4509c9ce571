/** The governors of all groups of calls: finds them by name, asks them before each attempt, forgets the unused. */

import type { Timer } from '../../clock.ts';
import type { Attempt, Executor, Outcome, StartedAttempt } from '../executor.ts';
import { deferredOutcome } from '../outcomes.ts';
import {
  type CircuitOptions,
  createGovernor,
  type Governor,
  type GovernorOptions,
  type GovernorState,
  type Slot,
} from './governor.ts';

/** A group that is open, which the API calls a circuit; `half_open` while a probe is under way. */
export type BreakerState = { origin: string; state: 'open' | 'half_open'; openedMsAgo: number };

export type Governors<S extends Slot> = {
  /** The governor of a group; a new one where there is none yet. */
  of(group: string): Governor<S>;
  /**
   * `execute` behind the governors. While the group of a target is open, its calls go to the attempt's fallback, or are
   * not made: the outcome is `deferred` then.
   */
  guard(execute: Executor, groupOf: (target: Attempt['target']) => string): Executor;
  /** The groups that are open. */
  states(): BreakerState[];
  /** Destroys the slots that are not in use. */
  close(): void;
};

export type GovernorsOptions = Omit<GovernorOptions, 'circuit' | 'onChange'> & {
  /** Null where no group opens. */
  circuit: CircuitOptions | null;
  /** A guarded call was not made. */
  onDeferred: () => void;
  /** `from` and `to` are both `open` when a probe begins. */
  onChange: (group: string, from: GovernorState, to: GovernorState) => void;
};

const mostGroups = 1_024;
/** How many groups are forgotten at once when there are too many. Finding them costs a part of a millisecond. */
const forgottenAtOnce = mostGroups / 4;
const sweepMs = 60_000;

const unused = new Error('the group is not called any more');

export function createGovernors<S extends Slot>(options: GovernorsOptions): Governors<S> {
  const { clock, random, circuit } = options;
  const neverOpen = { threshold: 1, windowMs: 1, minimumCalls: Infinity, cooldownMs: 1 };
  const forgetAfterMs = Math.max(sweepMs, circuit?.windowMs ?? 0);
  const groups = new Map<string, Governor<S>>();
  let sweeper: Timer | null = null;

  function of(group: string): Governor<S> {
    return groups.get(group) ?? add(group);
  }

  function add(group: string): Governor<S> {
    if (groups.size >= mostGroups) forgetSome();
    const governor = createGovernor<S>({
      ...{ clock, random, most: options.most, weightOf: options.weightOf, circuit: circuit ?? neverOpen },
      onChange: (from, to) => options.onChange(group, from, to),
    });
    groups.set(group, governor);
    sweeper ??= clock.after(sweepMs, sweep);
    return governor;
  }

  function forget(group: string, governor: Governor<S>): void {
    groups.delete(group);
    governor.release(unused);
  }

  /** Forgets the groups unused for longest, and open ones only where there are no others. */
  function forgetSome(): void {
    const idle = [...groups].flatMap(([group, governor]) => {
      const since = governor.idleSince();
      return since === null ? [] : [{ group, governor, since, isOpen: governor.opened() !== null }];
    });
    idle.sort((a, b) => Number(a.isOpen) - Number(b.isOpen) || a.since - b.since);
    for (const { group, governor } of idle.slice(0, forgottenAtOnce)) forget(group, governor);
  }

  function sweep(): void {
    const now = clock.monotonic();
    for (const [group, governor] of groups) {
      const idleMs = now - (governor.idleSince() ?? now);
      if (idleMs >= forgetAfterMs && governor.opened() === null) forget(group, governor);
      else if (idleMs >= sweepMs) governor.release(unused);
    }
    sweeper = groups.size > 0 ? clock.after(sweepMs, sweep) : null;
  }

  function call(execute: Executor, attempt: Attempt, governor: Governor<S>): StartedAttempt {
    const probe = governor.begin();
    const { outcome, cancel, isDeferred = false } = execute(attempt);
    return {
      outcome: outcome.then((ended) => {
        governor.learn(probe, hasFailed(ended));
        return ended;
      }),
      cancel,
      isDeferred,
    };
  }

  return {
    of,
    guard(execute, groupOf) {
      if (circuit === null) return execute;
      return (attempt) => {
        const governor = of(groupOf(attempt.target));
        const wait = governor.waitMs();
        if (wait === 0) return call(execute, attempt, governor);
        const { fallback } = attempt;
        const other = fallback === null ? governor : of(groupOf(fallback));
        if (fallback === null || other === governor || other.waitMs() > 0) {
          // Random, so that the callers do not all come back at once.
          const deferMs = Math.ceil(wait + random() * circuit.cooldownMs);
          options.onDeferred();
          return { outcome: Promise.resolve(deferredOutcome(deferMs, 'circuit_open')), cancel() {}, isDeferred: true };
        }
        const started = call(execute, { ...attempt, target: fallback }, other);
        return { ...started, outcome: started.outcome.then((ended) => ({ ...ended, viaFallback: true })) };
      };
    },
    states: () =>
      [...groups].flatMap(([origin, governor]) => {
        const opened = governor.opened();
        if (opened === null) return [];
        return [{ origin, state: opened.isProbed ? 'half_open' : 'open', openedMsAgo: opened.msAgo }];
      }),
    close() {
      sweeper?.cancel();
      for (const governor of groups.values()) governor.release(unused);
      groups.clear();
    },
  };
}

/** Null where the outcome tells nothing of the target: a call that was not made, or that was withdrawn. */
function hasFailed({ status, error }: Outcome): boolean | null {
  if (status === 'deferred' || (error !== null && !['timeout', 'unavailable', 'rejected'].includes(error.kind)))
    return null;
  return error !== null && error.kind !== 'rejected';
}
